<?php
// Logs in with PHP's mysqli: arguments TLS (on, off, default) PORT USER PASSWORD; prints who it is, or the error.

[, $tls, $port, $user, $password] = $argv;
mysqli_report(MYSQLI_REPORT_OFF);
$db = mysqli_init();
$flags = $tls === 'on' ? MYSQLI_CLIENT_SSL | MYSQLI_CLIENT_SSL_DONT_VERIFY_SERVER_CERT | MYSQLI_CLIENT_COMPRESS : 0;
if (@$db->real_connect('127.0.0.1', $user, $password, null, (int) $port, null, $flags)) {
    echo 'in as ', $db->query("SELECT SUBSTRING_INDEX(CURRENT_USER(), '@', 1)")->fetch_row()[0], "\n";
} else {
    echo "refused {$db->connect_errno} {$db->connect_error}\n";
}
