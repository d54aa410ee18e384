// Logs in with go-sql-driver: arguments TLS (on, off, default) PORT USER PASSWORD; prints who it is, or the error.
package main

import (
	"database/sql"
	"fmt"
	"os"

	_ "github.com/go-sql-driver/mysql"
)

func main() {
	tls := map[string]string{"default": "", "off": "?tls=false", "on": "?tls=skip-verify"}[os.Args[1]]
	db, err := sql.Open("mysql", fmt.Sprintf("%s:%s@tcp(127.0.0.1:%s)/%s", os.Args[3], os.Args[4], os.Args[2], tls))
	var user string
	if err == nil {
		err = db.QueryRow("SELECT SUBSTRING_INDEX(CURRENT_USER(), '@', 1)").Scan(&user)
	}
	if err != nil {
		fmt.Println("refused", err)
		return
	}
	fmt.Println("in as", user)
}
