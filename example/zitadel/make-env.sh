#!/bin/sh
# Writes .env for docker-compose.yml: random secrets of this machine's own, readable by you alone. Keep it, for the
# databases are made with it: after `docker compose down --volumes` it may be deleted and made again.
set -eu
cd "$(dirname "$0")/../.."
file=${1:-.env}
if [ -e "$file" ]; then
  echo "$file is there already and stays as it is." >&2
  exit 1
fi
umask 077

# 32 characters: what ZITADEL's master key must have.
random() { od -An -N16 -tx1 /dev/urandom | tr -d ' \n'; }

cat > "$file" <<END
FOOTBRIDGE_MASTER_KEY=$(head -c 32 /dev/urandom | base64)
FOOTBRIDGE_DB_PASSWORD=$(random)
SHOP_DB_PASSWORD=$(random)
SHOP_HOOK_KEY=$(random)
ZITADEL_MASTERKEY=$(random)
ZITADEL_DB_PASSWORD=$(random)
# ZITADEL's policy wants all four kinds of characters.
ZITADEL_ADMIN_PASSWORD=$(random)Aa1!
# What ZITADEL proves itself with at Footbridge: the client secret of the identity provider you make there.
ZITADEL_CLIENT_SECRET=$(random)
# From the application you make in ZITADEL for the new app.
NEW_APP_CLIENT_ID=
NEW_APP_CLIENT_SECRET=
END
echo "$file is written. Next: docker compose up --build" >&2
