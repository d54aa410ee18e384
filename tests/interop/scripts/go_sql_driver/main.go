// What go-sql-driver does with a server: arguments PORT USER PASSWORD DATABASE; prints what it sees.
package main

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"

	"github.com/go-sql-driver/mysql"
)

func check(err error) {
	if err != nil {
		fmt.Println("fails:", err)
		os.Exit(1)
	}
}

func show(rows *sql.Rows, err error) {
	if err != nil {
		fmt.Println("fails:", err)
		return
	}
	defer rows.Close()
	for {
		columns, _ := rows.Columns()
		for rows.Next() {
			values := make([]sql.NullString, len(columns))
			targets := make([]interface{}, len(columns))
			for i := range values {
				targets[i] = &values[i]
			}
			check(rows.Scan(targets...))
			fmt.Println(values)
		}
		if !rows.NextResultSet() {
			break
		}
		fmt.Println("next result")
	}
}

func main() {
	port, user, password, database := os.Args[1], os.Args[2], os.Args[3], os.Args[4]
	db, err := sql.Open("mysql", fmt.Sprintf("%s:%s@tcp(127.0.0.1:%s)/%s?multiStatements=true&maxAllowedPacket=0",
		user, password, port, database))
	check(err)
	defer db.Close()
	check(db.Ping())
	_, err = db.Exec("CREATE TABLE t (id INT PRIMARY KEY AUTO_INCREMENT, s TEXT, n DOUBLE, b LONGBLOB)")
	check(err)
	insert, err := db.Prepare("INSERT INTO t (s, n, b) VALUES (?, ?, ?)")
	check(err)
	for i := 0; i < 30; i++ {
		result, err := insert.Exec(fmt.Sprintf("ä€ %d", i), float64(i)/4, []byte(strings.Repeat("x", i*100)))
		check(err)
		id, _ := result.LastInsertId()
		fmt.Print(id, " ")
	}
	fmt.Println()
	show(db.Query("SELECT id, s, n, LENGTH(b) FROM t WHERE id > ? ORDER BY id", 5))
	show(db.Query("SELECT 1; SELECT 2, 3; SELECT NULL"))
	show(db.Query("SELECT nonsense"))
	_, err = db.Exec("INSERT INTO t (id) VALUES (1)")
	fmt.Println(err)

	tx, err := db.BeginTx(context.Background(), nil)
	check(err)
	_, err = tx.Exec("DELETE FROM t")
	check(err)
	check(tx.Rollback())
	show(db.Query("SELECT COUNT(*) FROM t"))

	mysql.RegisterReaderHandler("data", func() io.Reader { return strings.NewReader("1001\ta\n1002\tb\n") })
	_, err = db.Exec("LOAD DATA LOCAL INFILE 'Reader::data' INTO TABLE t (id, s)")
	fmt.Println("load", err)
	_, err = db.Exec("LOAD DATA LOCAL INFILE 'Reader::data' INTO TABLE no_such_table")
	fmt.Println("load", err)
	show(db.Query("SELECT COUNT(*) FROM t"))

	big := []byte(strings.Repeat("abcdefgh", 2500000))
	var sum string
	check(db.QueryRow("SELECT SHA2(?, 256)", big).Scan(&sum))
	fmt.Println("big", sum == fmt.Sprintf("%x", sha256.Sum256(big)))

	var group sync.WaitGroup
	sums := make([]int, 8)
	for i := range sums {
		group.Add(1)
		go func(i int) {
			defer group.Done()
			for j := 0; j < 50; j++ {
				var n int
				check(db.QueryRow("SELECT ? + ?", i, j).Scan(&n))
				sums[i] += n
			}
		}(i)
	}
	group.Wait()
	fmt.Println("sums", sums)
}
