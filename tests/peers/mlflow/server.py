"""MLflow with mlflow-oidc-auth, an application that people run: its users are in SQLite, and its SCIM API accepts tokens
that it has issued. One is issued here, of a known value, and the limit of requests per minute is lifted; all else is as
it is started by default.

python server.py PORT
"""

import os
import sys
from pathlib import Path

scratch = Path(os.environ["TMPDIR"])
os.chdir(scratch)
os.environ.update(
    MLFLOW_DISABLE_TELEMETRY="true",
    OIDC_USERS_DB_URI=f"sqlite:///{scratch}/users.db",
    SCIM_RATE_LIMIT_PER_MINUTE="1000000000",
    SECRET_KEY="rollcall",
)

from mlflow_oidc_auth.repository import scim_token  # noqa: E402
from mlflow_oidc_auth.store import store  # noqa: E402

scim_token._generate = lambda: ("00000000", "scim_00000000_rollcall")
store.create_scim_token("rollcall", created_by=None)

mlflow = Path(sys.executable).with_name("mlflow")
arguments = ["server", "--app-name", "oidc-auth", "--host", "127.0.0.1", "--port", sys.argv[1]]
os.execv(mlflow, [mlflow, *arguments, "--backend-store-uri", f"sqlite:///{scratch}/mlflow.db"])
