# Starts PostgreSQL as it comes, which flushes each transaction to the disk, and then a command that has its port in
# KC_DB_URL_PORT. Both end with the process group.
set -e
cd "$SCRATCH"
mkdir postgres
tar -xJf "$BINARIES" -C postgres
# It refuses to be run by root, so it is run by nobody.
as() { "$@"; }
if [ "$(id -u)" = 0 ]; then
    chown -R 65534:65534 postgres
    as() { setpriv --reuid=65534 --regid=65534 --clear-groups -- "$@"; }
fi
as postgres/bin/initdb --pgdata=postgres/data --username=keycloak --auth=trust --encoding=UTF8 --no-locale
as postgres/bin/postgres -D postgres/data -c listen_addresses=127.0.0.1 -c "port=$KC_DB_URL_PORT" \
    -c unix_socket_directories= &
# The last line of this file says so when it takes connections.
until grep -q '^ready' postgres/data/postmaster.pid 2>/dev/null; do
    kill -0 $!
    sleep 0.1
done
exec "$@"
