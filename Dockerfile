# The chatlog command line.
#   docker build -t chatlog .                                  all extras but vLLM
#   docker build -t chatlog --build-arg EXTRAS=pii,hub .       fewer
#   docker build -t chatlog:gpu --target gpu .                 with vLLM, for CUDA

ARG PYTHON=3.11

FROM python:${PYTHON}-slim-bookworm AS build
ARG EXTRAS=all
WORKDIR /src
RUN python -m venv /opt/chatlog
COPY pyproject.toml constraints.txt README.md LICENSE ./
COPY chatlog chatlog
COPY pipelines pipelines
COPY sql sql
COPY data_cards data_cards
RUN /opt/chatlog/bin/pip install --no-cache-dir -c constraints.txt ".[${EXTRAS}]"

FROM python:${PYTHON}-slim-bookworm AS cli
COPY --from=build /opt/chatlog /opt/chatlog
RUN useradd --create-home --uid 10001 chatlog
ENV PATH=/opt/chatlog/bin:$PATH
USER chatlog
WORKDIR /data
ENTRYPOINT ["chatlog"]
CMD ["--help"]

FROM nvidia/cuda:13.0.1-devel-ubuntu24.04 AS gpu
ARG EXTRAS=pii,embed,hub,report,vllm
SHELL ["/bin/bash", "-o", "pipefail", "-c"]
# hadolint ignore=DL3008
RUN apt-get update && apt-get install -y --no-install-recommends python3 python3-venv python3-dev gcc \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /src
COPY pyproject.toml README.md LICENSE ./
COPY chatlog chatlog
COPY pipelines pipelines
COPY sql sql
COPY data_cards data_cards
# Without the constraints: vLLM pins its own torch and transformers.
RUN python3 -m venv /opt/chatlog && /opt/chatlog/bin/pip install --no-cache-dir ".[${EXTRAS}]"
RUN useradd --create-home --uid 10001 chatlog
ENV PATH=/opt/chatlog/bin:$PATH
USER chatlog
WORKDIR /data
ENTRYPOINT ["chatlog"]
CMD ["--help"]

# The last stage is what a plain `docker build` makes.
FROM cli
