"""Names, ports and labels by which reader, sender, scaler and model servers find one another.

Not here: what each of them is.
"""

from __future__ import annotations

READER, READER_PORT = "prometheus", 9090
SENDER = "metrics-collector"
OBJECTS, OBJECTS_PORT = "kube-state-metrics", 8080  # the EKS add-on: namespace and Service are called alike
SCALER, SCALER_PORT = "keda-operator", 9666
ANSWERER, ANSWERER_PORT = "keda-metrics-apiserver", 6443
SCALER_NAMESPACE = "keda"


def pods_service(server_name: str) -> str:
    """The Service without an address of its own: its name resolves to every pod that is ready."""
    return f"{server_name}-pods"


def reader_url(namespace: str) -> str:
    return f"http://{READER}.{namespace}.svc:{READER_PORT}"
