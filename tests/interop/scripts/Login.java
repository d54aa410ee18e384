// Logs in with a JDBC driver for MariaDB and MySQL: arguments TLS (on, off, default) PORT USER PASSWORD; prints who it is,
// or the error.
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.ResultSet;
import java.sql.SQLException;

public class Login {
    public static void main(String[] arguments) {
        String options = switch (arguments[0]) {
            case "on" -> "&useSSL=true&trustServerCertificate=true&sslMode=trust&useCompression=true";
            case "off" -> "&useSSL=false&allowPublicKeyRetrieval=true";
            default -> "";
        };
        String url = "jdbc:mariadb://127.0.0.1:" + arguments[1] + "/?user=" + arguments[2] + "&password=" + arguments[3];
        try (Connection connection = DriverManager.getConnection(url + options)) {
            ResultSet rows = connection.createStatement().executeQuery("SELECT SUBSTRING_INDEX(CURRENT_USER(), '@', 1)");
            rows.next();
            System.out.println("in as " + rows.getString(1));
        } catch (SQLException error) {
            System.out.println("refused " + error.getErrorCode() + " " + error.getMessage());
        }
    }
}
