# The local cloud for machines that are not Linux: the servers, the functions and all that the tests need.
#
#   docker compose up                        the cloud, until Ctrl-C
#   docker compose run --rm cloud make demo  any other target of the Makefile
#
# The same programs from the same packages as on a Debian machine: dev/install.py says which, and finds them all here.
FROM debian:bookworm-slim

# The JRE's package links to its manual, whose folder the slim image has left out.
RUN mkdir -p /usr/share/man/man1 \
    && apt-get update \
    && DEBIAN_FRONTEND=noninteractive RUNLEVEL=1 apt-get install --yes --no-install-recommends \
        ca-certificates make python3 python3-venv \
        redis-server mariadb-server openjdk-17-jre-headless maven haproxy \
    && rm -rf /var/lib/apt/lists/*

# Nobody in particular: nothing of the cloud needs root.
RUN useradd --create-home firstcome \
    && install --directory --owner=firstcome --group=firstcome /firstcome /firstcome/.local
USER firstcome
WORKDIR /firstcome

# What takes long and seldom changes comes first: a change of the code builds the last layer only.
COPY --chown=firstcome Makefile requirements-dev.txt ./
COPY --chown=firstcome dev/setup.py dev/
COPY --chown=firstcome cli/pyproject.toml cli/README.md cli/
COPY --chown=firstcome cli/src/firstcome_cli/__init__.py cli/src/firstcome_cli/
RUN make setup && rm -rf ~/.cache
COPY --chown=firstcome dev/kafka dev/kafka
COPY --chown=firstcome dev/install.py dev/process.py dev/
RUN .venv/bin/python -c "from dev.install import kafka_jars; kafka_jars()" && rm -rf ~/.m2
COPY --chown=firstcome . .

# Listens on the container's address, where compose.yaml finds it; who may reach that is said there.
ENV FIRSTCOME_API_BIND=0.0.0.0
# What is printed is seen at once, by `docker compose logs` too.
ENV PYTHONUNBUFFERED=1
EXPOSE 8080 8082 8083 8084 8085 8086
HEALTHCHECK --interval=5s --retries=120 CMD [".venv/bin/python", "-m", "dev", "status"]
CMD [".venv/bin/python", "-m", "dev", "serve"]
