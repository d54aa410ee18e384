# Logs in with DBD::mysql: arguments TLS (on, off, default) PORT USER PASSWORD; prints who it is, or the error.
use strict;
use warnings;
use DBI;

my ($tls, $port, $user, $password) = @ARGV;
my $options = { default => "", off => ";mysql_get_server_pubkey=1;mysql_compression=1", on => ";mysql_ssl=1;mysql_ssl_optional=1" }->{$tls};
my $dbh = DBI->connect("DBI:mysql:host=127.0.0.1;port=$port$options", $user, $password, { PrintError => 0 });
if ($dbh) {
    print "in as ", $dbh->selectrow_array("SELECT SUBSTRING_INDEX(CURRENT_USER(), '\@', 1)"), "\n";
} else {
    print "refused $DBI::err $DBI::errstr\n";
}
