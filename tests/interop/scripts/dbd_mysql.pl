# What DBD::mysql does with a server: arguments PORT USER PASSWORD DATABASE; prints what it sees.
use strict;
use warnings;
$| = 1;
use DBI;

my ($port, $user, $password, $database) = @ARGV;

for my $prepare (0, 1) {
    my $dbh = DBI->connect(
        "DBI:mysql:host=127.0.0.1;port=$port;database=$database;mysql_server_prepare=$prepare;"
            . "mysql_multi_statements=1;mysql_local_infile=1;mysql_get_server_pubkey=1",
        $user, $password, { RaiseError => 0, PrintError => 0, mysql_enable_utf8mb4 => 1 }
    ) or die "cannot connect: $DBI::errstr";
    my $rows = sub {
        my ($sql, @values) = @_;
        my $sth = $dbh->prepare($sql);
        if (!$sth || !$sth->execute(@values)) { print "fails: ", $dbh->err // '', " ", $dbh->state, "\n"; return }
        print join("|", map { defined $_ ? $_ : "NULL" } @$_), "\n" for @{ $sth->fetchall_arrayref };
    };
    binmode STDOUT, ":utf8";
    $dbh->do("CREATE TABLE t$prepare (id INT PRIMARY KEY AUTO_INCREMENT, s VARCHAR(50), n DOUBLE, d DATE)");
    my $insert = $dbh->prepare("INSERT INTO t$prepare (s, n, d) VALUES (?, ?, ?)");
    $insert->execute("\x{e4}\x{20ac} $_", $_ / 4, "2024-02-29") for 1 .. 20;
    print "id ", $dbh->{mysql_insertid}, "\n";
    $rows->("SELECT * FROM t$prepare WHERE id > ? ORDER BY id", 5);
    $rows->("SELECT nonsense");
    $rows->("SELECT NULL, ?, ?", 1, "two");
    $dbh->{AutoCommit} = 0;
    $dbh->do("DELETE FROM t$prepare");
    $dbh->rollback;
    $dbh->{AutoCommit} = 1;
    $rows->("SELECT COUNT(*) FROM t$prepare");
    $dbh->do("DROP PROCEDURE IF EXISTS p");
    $dbh->do("CREATE PROCEDURE p () BEGIN SELECT 1; SELECT 2, 3; END");
    my $call = $dbh->prepare("CALL p()");
    $call->execute;
    do { print "result: ", join(",", map { join("|", @$_) } @{ $call->fetchall_arrayref }), "\n" if $call->{NUM_OF_FIELDS} }
        while $call->more_results;
    print "ping ", $dbh->ping ? 1 : 0, "\n";
    my $big = "abcdefgh" x (2_500_000);
    my $same = $dbh->selectrow_array("SELECT LENGTH(?)", undef, $big);
    print "big $same\n";
    if (!$prepare) { # a prepared statement that streams hangs in this driver itself, with MariaDB
        my $stream = $dbh->prepare("SELECT a.id, REPEAT('x', 100) FROM t$prepare a, t$prepare b, t$prepare c", { mysql_use_result => 1 });
        $stream->execute;
        my $count = 0;
        $count++ while $stream->fetchrow_arrayref;
        print "streamed $count\n";
    }
    $dbh->disconnect;
}
