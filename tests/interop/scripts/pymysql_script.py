"""What PyMySQL does with a server: arguments PORT USER PASSWORD DATABASE; prints what it sees."""

import sys
import pymysql
from pymysql.constants import CLIENT

port, user, password, database = sys.argv[1:]


def connect(**options):
    return pymysql.connect(host="127.0.0.1", port=int(port), user=user, password=password, database=database,
                           charset="utf8mb4", local_infile=True, client_flag=CLIENT.MULTI_STATEMENTS, **options)


def attempt(name, work):
    try:
        print(name, work())
    except pymysql.MySQLError as error:
        print(name, "fails:", error.args)


connection = connect()
cursor = connection.cursor()
cursor.execute("CREATE TABLE t (id INT PRIMARY KEY AUTO_INCREMENT, s VARCHAR(50), d DATETIME(6), n DECIMAL(10, 3), b LONGBLOB) CHARACTER SET utf8mb4")
cursor.executemany("INSERT INTO t (s, d, n, b) VALUES (%s, %s, %s, %s)",
                   [("ä€😀 %d" % i, "2024-02-29 12:34:56.123", i / 8, bytes(range(256)) * i) for i in range(20)])
connection.commit()
cursor.execute("SELECT id, s, d, n, LENGTH(b) FROM t WHERE id > %s ORDER BY id", (3,))
print(cursor.description, cursor.fetchall())
cursor.execute("SELECT 1; SELECT 2, 3; DO 0; SELECT 4")
while True:
    print(cursor.fetchall())
    if not cursor.nextset():
        break
cursor.execute("CREATE PROCEDURE p (IN a INT, OUT b INT) BEGIN SELECT a; SELECT a + 1; SET b = a * 2; END")
cursor.callproc("p", (20, 0))
while True:
    print(cursor.fetchall())
    if not cursor.nextset():
        break
cursor.execute("SELECT @_p_1")
print(cursor.fetchall())
attempt("syntax", lambda: cursor.execute("SELEC"))
attempt("duplicate", lambda: cursor.execute("INSERT INTO t (id) VALUES (1)"))
attempt("missing file", lambda: cursor.execute("LOAD DATA LOCAL INFILE '/no/such/file' INTO TABLE t"))
connection.ping()
connection.rollback()

streaming = connect(cursorclass=pymysql.cursors.SSCursor)
with streaming.cursor() as rows:
    rows.execute("SELECT a.id, REPEAT('x', 1000) FROM t AS a, t AS b, t AS c")
    print("streamed", sum(len(row[1]) for row in rows))
streaming.close()

big = bytes(range(256)) * (20 * 1024 * 4)
cursor.execute("INSERT INTO t (s, b) VALUES ('big', %s)", (big,))
cursor.execute("SELECT b FROM t WHERE s = 'big'")
print("big", cursor.fetchone()[0] == big)
connection.close()
attempt("closed", lambda: connect().cursor().execute("SELECT 1"))
