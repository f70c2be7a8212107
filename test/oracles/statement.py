"""Whether a DSSE envelope holds an in-toto statement with SLSA provenance, by in-toto's own definitions: statement.py <file>"""
import base64
import json
import sys

import in_toto_attestation.predicates.provenance.v1.provenance_pb2 as provenance
import in_toto_attestation.v1.statement_pb2 as statements
from google.protobuf import json_format
from in_toto_attestation.v1.statement import Statement

for line in open(sys.argv[1], encoding="utf-8"):
    payload = json.loads(base64.b64decode(json.loads(line)["payload"]))
    statement = json_format.Parse(json.dumps(payload), statements.Statement())
    Statement.copy_from_pb(statement).validate()
    if payload["predicateType"] != "https://slsa.dev/provenance/v1":
        sys.exit("another predicate: " + payload["predicateType"])
    # Unknown fields are an error here.
    json_format.Parse(json.dumps(payload["predicate"]), provenance.Provenance())
print("valid")
