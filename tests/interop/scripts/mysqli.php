<?php
// What PHP's mysqli does with a server: arguments PORT USER PASSWORD DATABASE; prints what it sees.

[, $port, $user, $password, $database] = $argv;
mysqli_report(MYSQLI_REPORT_ERROR | MYSQLI_REPORT_STRICT);
$db = mysqli_init();
$db->options(MYSQLI_OPT_LOCAL_INFILE, 1);
$db->real_connect('127.0.0.1', $user, $password, $database, (int) $port);
$db->set_charset('utf8mb4');

function attempt(string $name, callable $work): void
{
    try {
        echo $name, ' ', json_encode($work()), "\n";
    } catch (mysqli_sql_exception $error) {
        echo $name, ' fails: ', $error->getCode(), ' ', $error->getSqlState(), ' ', $error->getMessage(), "\n";
    }
}

$db->query('CREATE TABLE t (id INT PRIMARY KEY AUTO_INCREMENT, s VARCHAR(50), n DOUBLE, b LONGBLOB)');
$insert = $db->prepare('INSERT INTO t (s, n, b) VALUES (?, ?, ?)');
for ($i = 0; $i < 60; $i++) {
    $s = "ä€ $i";
    $n = $i / 4;
    $b = null;
    $insert->bind_param('sdb', $s, $n, $b);
    $insert->send_long_data(2, str_repeat(chr($i), 1000));
    $insert->send_long_data(2, str_repeat(chr($i), 500));
    $insert->execute();
}
attempt('text', fn () => $db->query('SELECT id, s, n, LENGTH(b) FROM t ORDER BY id')->fetch_all());

// A cursor on the server, rows fetched some at a time.
foreach ([1, 7, 100] as $prefetch) {
    $cursor = $db->prepare('SELECT id, s FROM t WHERE id > ? ORDER BY id');
    $cursor->attr_set(MYSQLI_STMT_ATTR_CURSOR_TYPE, MYSQLI_CURSOR_TYPE_READ_ONLY);
    try {
        $cursor->attr_set(MYSQLI_STMT_ATTR_PREFETCH_ROWS, $prefetch);
    } catch (Throwable) {
        // Newer releases always fetch one at a time.
    }
    $from = 5;
    $cursor->bind_param('i', $from);
    $cursor->execute();
    $cursor->bind_result($id, $s);
    $seen = [];
    while ($cursor->fetch()) {
        $seen[] = "$id $s";
    }
    $cursor->close();
    attempt("cursor $prefetch", fn () => $seen);
}

$db->multi_query("SELECT 1; SELECT 2, 3; SET @a = 1; SELECT 'last'");
do {
    $result = $db->store_result();
    attempt('result', fn () => $result ? $result->fetch_all() : $db->affected_rows);
} while ($db->more_results() && $db->next_result());

$db->query('CREATE PROCEDURE p (IN a INT, OUT b INT) BEGIN SELECT a; SELECT a + 1; SET b = a * 2; END');
$call = $db->prepare('CALL p(?, @out)');
$n = 21;
$call->bind_param('i', $n);
$call->execute();
do {
    $result = $call->get_result();
    attempt('call', fn () => $result ? $result->fetch_all() : null);
} while ($call->more_results() && $call->next_result());
$call->close();
attempt('out', fn () => $db->query('SELECT @out')->fetch_row());
attempt('unknown column', fn () => $db->query('SELECT nonsense FROM t'));
attempt('missing file', fn () => @$db->query("LOAD DATA LOCAL INFILE '/no/such/file' INTO TABLE t"));
attempt('change user', fn () => $db->change_user($user, $password, $database));
attempt('who', fn () => $db->query('SELECT CURRENT_USER(), DATABASE()')->fetch_row());
attempt('stat', fn () => str_starts_with($db->stat(), 'Uptime'));

$stream = $db->query("SELECT a.id, REPEAT('x', 200) FROM t AS a, t AS b, t AS c LIMIT 100000", MYSQLI_USE_RESULT);
$count = 0;
while ($stream->fetch_row()) {
    $count++;
}
echo "streamed $count\n";
$big = random_bytes(20 * 1024 * 1024);
$statement = $db->prepare('SELECT SHA2(?, 256), LENGTH(?)');
$statement->bind_param('ss', $big, $big);
$statement->execute();
[$sum, $length] = $statement->get_result()->fetch_row();
echo 'big ', $sum === hash('sha256', $big) ? 'same' : 'different', " $length\n";
