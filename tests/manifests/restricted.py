"""The restricted Pod Security Standard, and what this project asks of a pod besides.

https://kubernetes.io/docs/concepts/security/pod-security-standards/#restricted
"""

VOLUMES = {"configMap", "csi", "downwardAPI", "emptyDir", "ephemeral", "persistentVolumeClaim", "projected", "secret"}
SECCOMP = {"RuntimeDefault", "Localhost"}


def problems(pod):
    """What a pod's spec has that the profile forbids, or lacks that it asks for."""
    found = []
    for key in ("hostNetwork", "hostPID", "hostIPC"):
        if pod.get(key):
            found.append(f"`{key}`")
    for volume in pod.get("volumes", []):
        for kind in volume.keys() - {"name"} - VOLUMES:
            found.append(f"volume {volume['name']}: `{kind}`")
    if pod.get("automountServiceAccountToken") is not False:
        found.append("`automountServiceAccountToken` is not false, and nothing here asks the API server")
    shared = pod.get("securityContext", {})
    if shared.get("sysctls"):
        found.append("`sysctls`")
    for container in containers(pod):
        found += [f"container {container['name']}: {problem}" for problem in of_container(container, shared)]
    return found


def of_container(container, shared):
    own = container.get("securityContext", {})
    effective = {**shared, **own}
    found = []
    for key in ("privileged", "procMount"):
        if own.get(key):
            found.append(f"`{key}`")
    if own.get("allowPrivilegeEscalation") is not False:
        found.append("`allowPrivilegeEscalation` is not false")
    if effective.get("runAsNonRoot") is not True:
        found.append("`runAsNonRoot` is not true")
    if effective.get("runAsUser", 1) == 0:
        found.append("`runAsUser` is root")
    if effective.get("seccompProfile", {}).get("type") not in SECCOMP:
        found.append(f"`seccompProfile` is none of {sorted(SECCOMP)}")
    capabilities = own.get("capabilities", {})
    if "ALL" not in capabilities.get("drop", []):
        found.append("`capabilities.drop` is without ALL")
    if set(capabilities.get("add", [])) - {"NET_BIND_SERVICE"}:
        found.append("`capabilities.add`")
    if any("hostPort" in port for port in container.get("ports", [])):
        found.append("`hostPort`")
    if any(handler.get("httpGet", {}).get("host") for handler in handlers(container)):
        found.append("a probe or hook with `host`")
    # From here on stricter than the profile.
    if own.get("readOnlyRootFilesystem") is not True:
        found.append("`readOnlyRootFilesystem` is not true")
    if "memory" not in container.get("resources", {}).get("limits", {}):
        found.append("no limit on memory")
    if not {"cpu", "memory"} <= container.get("resources", {}).get("requests", {}).keys():
        found.append("`resources.requests` lacks cpu or memory")
    return found


def containers(pod):
    return pod.get("initContainers", []) + pod["containers"]


def handlers(container):
    """Every probe and hook of a container."""
    probes = [container.get(key, {}) for key in ("startupProbe", "readinessProbe", "livenessProbe")]
    return probes + list(container.get("lifecycle", {}).values())
