#!/bin/bash
# Makes the user and the database of a context, from the URI in its Secret. The image runs it when its volume is new, and has
# the function docker_process_sql.
for file in /etc/stores/*; do
  # mariadb://USER:PASSWORD@HOST:PORT/DATABASE
  rest=$(<"$file")
  rest=${rest#*://}
  user=${rest%%:*} database=${rest##*/} password=${rest#*:}
  password=${password%%@*}
  docker_process_sql --database=mysql <<SQL
CREATE DATABASE IF NOT EXISTS \`$database\` CHARACTER SET utf8mb4;
CREATE USER IF NOT EXISTS '$user'@'%' IDENTIFIED BY '$password';
GRANT ALL ON \`$database\`.* TO '$user'@'%';
SQL
done
