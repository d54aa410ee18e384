"""Logs in with PyMySQL: arguments TLS (on, off, default) PORT USER PASSWORD; prints who it is, or the error."""

import sys
import pymysql

tls, port, user, password = sys.argv[1:]
options = {"default": {}, "off": {"ssl_disabled": True}, "on": {"ssl": {"verify_mode": "none", "check_hostname": False}}}[tls]
try:
    connection = pymysql.connect(host="127.0.0.1", port=int(port), user=user, password=password, **options)
    with connection.cursor() as cursor:
        cursor.execute("SELECT SUBSTRING_INDEX(CURRENT_USER(), '@', 1)")
        print("in as", cursor.fetchone()[0])
except Exception as error:
    print("refused", error)
