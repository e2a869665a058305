"""A zenoh router as sites have it between them: listens where it is told, ends with its stdin.

  router.py tcp/127.0.0.1:PORT
"""

import json
import sys

import zenoh


def main():
    config = zenoh.Config()
    config.insert_json5("mode", json.dumps("router"))
    config.insert_json5("listen/endpoints", json.dumps([sys.argv[1]]))
    config.insert_json5("scouting/multicast/enabled", "false")
    with zenoh.open(config) as session:
        print(json.dumps({"event": "ready", "zid": str(session.zid())}), flush=True)
        sys.stdin.read()


if __name__ == "__main__":
    main()
