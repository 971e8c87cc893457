#!/bin/bash
# Makes the role and the database of each context, as the URI in its Secret says. It may come in there, and nowhere else.
# PostgreSQL runs it when its volume is new.
# It may run again, for a context that came later: kubectl -n NAMESPACE exec postgres-0 -- /docker-entrypoint-initdb.d/stores.sh
set -euo pipefail
for file in "${STORES:-/etc/stores}"/*; do
  # postgres://ROLE:PASSWORD@HOST:PORT/DATABASE, handed on in the environment: a command line is for everyone to read.
  rest=$(<"$file")
  rest=${rest#*://}
  ROLE=${rest%%:*} DATABASE=${rest##*/} PASSWORD=${rest#*:}
  PASSWORD=${PASSWORD%%@*}
  export ROLE DATABASE PASSWORD
  psql --no-psqlrc --quiet --set ON_ERROR_STOP=1 --username postgres --dbname postgres <<'SQL'
\getenv role ROLE
\getenv database DATABASE
\getenv password PASSWORD
SELECT format('CREATE ROLE %I LOGIN', :'role')
WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = :'role') \gexec
ALTER ROLE :"role" PASSWORD :'password';
SELECT format('CREATE DATABASE %I OWNER %I', :'database', :'role')
WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = :'database') \gexec
REVOKE CONNECT ON DATABASE :"database" FROM PUBLIC;
SQL
done
psql --no-psqlrc --quiet --set ON_ERROR_STOP=1 --username postgres --dbname postgres \
  --command='REVOKE ALL ON DATABASE postgres, template1 FROM PUBLIC'
