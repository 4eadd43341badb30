"""What the measurements of this folder have in common."""
import socket, sys, time


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_for(port):
    for _ in range(400):
        try:
            return socket.create_connection(("127.0.0.1", port)).close()
        except OSError:
            time.sleep(0.05)
    sys.exit(f"nothing listens on {port}")


def envoy_between(text, listen, backend):
    """A configuration of deploy/envoy, listening on this port of loopback, its backend on that one."""
    text = text.replace("port_value: 9902", f"port_value: {free_port()}").replace("port_value: 9000", f"port_value: {backend}")
    return text.replace("0.0.0.0, port_value: 10000", f"127.0.0.1, port_value: {listen}")
