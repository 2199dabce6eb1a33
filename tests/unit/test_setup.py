"""What setup hands to pip and uv: from where the user installs, and nothing that leads out of the environment."""

from __future__ import annotations

from pathlib import Path

import pytest

from dev.setup import pip_environment, pip_install, pip_settings, requirement, uv_environment

CONFIG = """\
:env:.cert='/etc/ca.crt'
global.cert='/elsewhere.crt'
global.index-url='https://mirror/simple'
global.extra-index-url='\\nhttps://one/simple\\nhttps://two/simple'
global.find-links='/one /two'
global.user='true'
install.target='/somewhere'
install.proxy='proxy:3128'
install.default-timeout='60'
"""


def test_what_pip_is_told_of_indexes_is_kept_and_the_rest_is_not() -> None:
    """A `user = true` or a `target` of the user's is about their own environments."""
    assert pip_settings(CONFIG) == {
        "cert": "/etc/ca.crt",
        "index-url": "https://mirror/simple",
        "extra-index-url": "https://one/simple https://two/simple",
        "find-links": "/one /two",
        "proxy": "proxy:3128",
        "default-timeout": "60",
    }


def test_pip_is_kept_from_the_users_files_and_variables() -> None:
    """Of the user's settings only the index reaches pip."""
    environ = {"PIP_USER": "yes", "PIP_TARGET": "/x", "PIP_CONSTRAINT": "c.txt", "PYTHONPATH": "/x", "HOME": "/home/me"}
    told = pip_environment(environ, {"index-url": "https://mirror/simple"})
    ours = {"PIP_CONFIG_FILE": "/dev/null", "PIP_USER": "no", "PIP_ROOT_USER_ACTION": "ignore"}
    assert told == {"HOME": "/home/me", "PIP_INDEX_URL": "https://mirror/simple", **ours}


def test_uv_hears_of_pips_index_and_of_the_systems_certificates() -> None:
    """Uv installs from where pip would."""
    told = uv_environment({"UV_SYSTEM_PYTHON": "1", "HOME": "/home/me"}, pip_settings(CONFIG))
    assert told == {
        "HOME": "/home/me",
        "UV_SYSTEM_CERTS": "true",
        "UV_INDEX_STRATEGY": "unsafe-best-match",
        "UV_DEFAULT_INDEX": "https://mirror/simple",
        "UV_INDEX": "https://one/simple https://two/simple",
        "UV_FIND_LINKS": "/one,/two",
        "SSL_CERT_FILE": "/etc/ca.crt",
        "ALL_PROXY": "proxy:3128",
        "UV_HTTP_TIMEOUT": "60",
    }


def test_what_uv_is_told_counts_more_than_what_pip_is_told() -> None:
    """A user who has set up both means uv where uv is asked."""
    told = uv_environment({"UV_DEFAULT_INDEX": "https://uv/simple"}, {"index-url": "https://pip/simple"})
    assert told["UV_DEFAULT_INDEX"] == "https://uv/simple"


def test_pip_resolves_nothing_and_checks_every_hash() -> None:
    """The lock is complete; a pip of Python 3.11 takes a requirement with an extra for one that is not pinned."""
    command = pip_install(Path(".venv"), Path("lock.txt"))
    assert {"--no-deps", "--require-hashes"} <= set(command)


@pytest.mark.parametrize(("name", "entry"), [("uv", "uv==2 \\\n    --hash=b \\\n    --hash=c\n"), ("u", None)])
def test_one_packages_entry_is_found_with_its_hashes(name: str, entry: str | None) -> None:
    """A package is installed by its line of the lock, and no name is taken for another that begins alike."""
    lock = "a==1 \\\n    --hash=a\n    # via uv\nuv==2 \\\n    --hash=b \\\n    --hash=c\n    # via -r x.in\nz==3\n"
    assert requirement(lock, name) == entry
