#!/usr/bin/env bash
# Keys and signed documents for DDS Security, for trials and tests, with nothing but openssl.
#   deploy/security.sh new DIR         two authorities in DIR/ca, and DIR/governance.xml: what the domain protects
#   deploy/security.sh add DIR NAME…   for each NAME a folder DIR/NAME with its key, certificate, permissions.xml
#   deploy/security.sh sign DIR        signs the documents again, after you have changed them
# DIR/NAME then holds what ROS 2 keeps in an enclave: identity_ca.cert.pem, cert.pem, key.pem,
# permissions_ca.cert.pem, governance.p7s, permissions.p7s. Whoever has DIR/ca can let anybody in: for more than
# trials, keep it elsewhere, and make each key where it is used.
set -euo pipefail
umask 077

DAYS=${DAYS:-365}
usage() {
  sed -n '2,5s/^# \{0,1\}//p' "$0" >&2
  exit 2
}
fail() {
  printf 'security: %s\n' "$*" >&2
  exit 1
}
command -v openssl >/dev/null || fail "openssl is missing; install it (apt-get install openssl)"

# openssl without its chatter, unless it fails.
quietly() {
  local said
  said=$(openssl "$@" 2>&1) || fail "openssl $1 failed: $said"
}

new_key() { quietly ecparam -name prime256v1 -genkey -noout -out "$1"; }

authority() {
  new_key "$1.key.pem"
  quietly req -x509 -new -key "$1.key.pem" -days "$DAYS" -subj "/CN=$(basename "$1") of $(basename "$dir")" \
    -addext keyUsage=critical,keyCertSign,cRLSign,digitalSignature -out "$1.cert.pem"
}

sign() {
  quietly smime -sign -text -in "$1" -out "$2" -signer "$dir/ca/permissions_ca.cert.pem" \
    -inkey "$dir/ca/permissions_ca.key.pem"
}

sign_all() {
  local permissions folder
  for permissions in "$dir"/*/permissions.xml; do
    [[ -e $permissions ]] || continue
    folder=$(dirname "$permissions")
    sign "$permissions" "$folder/permissions.p7s"
    sign "$dir/governance.xml" "$folder/governance.p7s"
  done
}

# The protection that ROS 2 asks for.
governance() {
  cat <<'XML'
<?xml version="1.0" encoding="UTF-8"?>
<dds xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"
     xsi:noNamespaceSchemaLocation="http://www.omg.org/spec/DDS-SECURITY/20170901/omg_shared_ca_governance.xsd">
  <domain_access_rules>
    <domain_rule>
      <domains>
        <id_range><min>0</min><max>230</max></id_range>
      </domains>
      <allow_unauthenticated_participants>false</allow_unauthenticated_participants>
      <enable_join_access_control>true</enable_join_access_control>
      <discovery_protection_kind>ENCRYPT</discovery_protection_kind>
      <liveliness_protection_kind>ENCRYPT</liveliness_protection_kind>
      <rtps_protection_kind>SIGN</rtps_protection_kind>
      <topic_access_rules>
        <topic_rule>
          <topic_expression>*</topic_expression>
          <enable_discovery_protection>true</enable_discovery_protection>
          <enable_liveliness_protection>true</enable_liveliness_protection>
          <enable_read_access_control>true</enable_read_access_control>
          <enable_write_access_control>true</enable_write_access_control>
          <metadata_protection_kind>ENCRYPT</metadata_protection_kind>
          <data_protection_kind>ENCRYPT</data_protection_kind>
        </topic_rule>
      </topic_access_rules>
    </domain_rule>
  </domain_access_rules>
</dds>
XML
}

# Every topic of every domain; $1 is the name.
permissions() {
  local from until
  from=$(date -u -d '-1 day' +%Y-%m-%dT%H:%M:%S)
  until=$(date -u -d "+$DAYS days" +%Y-%m-%dT%H:%M:%S)
  cat <<XML
<?xml version="1.0" encoding="UTF-8"?>
<dds xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"
     xsi:noNamespaceSchemaLocation="http://www.omg.org/spec/DDS-SECURITY/20170901/omg_shared_ca_permissions.xsd">
  <permissions>
    <grant name="$1">
      <subject_name>CN=$1</subject_name>
      <validity><not_before>$from</not_before><not_after>$until</not_after></validity>
      <allow_rule>
        <domains>
          <id_range><min>0</min><max>230</max></id_range>
        </domains>
        <publish><topics><topic>*</topic></topics></publish>
        <subscribe><topics><topic>*</topic></topics></subscribe>
      </allow_rule>
      <default>DENY</default>
    </grant>
  </permissions>
</dds>
XML
}

add() {
  local folder="$dir/$1"
  [[ $1 =~ ^[A-Za-z0-9_.-]+$ && $1 != ca ]] || fail "\`$1\` is no name: use letters, digits, _ . - (and not ca)"
  [[ ! -e $folder ]] || fail "$folder exists; remove it, or choose another name"
  mkdir "$folder"
  new_key "$folder/key.pem"
  quietly req -new -key "$folder/key.pem" -subj "/CN=$1" -out "$folder/request.pem"
  quietly x509 -req -in "$folder/request.pem" -days "$DAYS" -CA "$dir/ca/identity_ca.cert.pem" \
    -CAkey "$dir/ca/identity_ca.key.pem" -set_serial "0x$(openssl rand -hex 8)" -out "$folder/cert.pem"
  rm "$folder/request.pem"
  cp "$dir/ca/identity_ca.cert.pem" "$dir/ca/permissions_ca.cert.pem" "$folder"
  permissions "$1" >"$folder/permissions.xml"
}

[[ $# -ge 2 ]] || usage
verb=$1 dir=$2
shift 2
case $verb in
new)
  [[ $# -eq 0 ]] || usage
  [[ ! -e $dir/ca ]] || fail "$dir/ca exists: these are the authorities already"
  mkdir -p "$dir/ca"
  authority "$dir/ca/identity_ca"
  authority "$dir/ca/permissions_ca"
  governance >"$dir/governance.xml"
  ;;
add)
  [[ $# -ge 1 ]] || usage
  [[ -e $dir/ca ]] || fail "$dir has no authorities; run deploy/security.sh new $dir first"
  for name in "$@"; do add "$name"; done
  sign_all
  ;;
sign)
  [[ $# -eq 0 ]] || usage
  [[ -e $dir/ca ]] || fail "$dir has no authorities; run deploy/security.sh new $dir first"
  sign_all
  ;;
*) usage ;;
esac
