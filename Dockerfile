# syntax=docker/dockerfile:1
# The chatlog command line.
#   docker build -t chatlog .                                  all extras but vLLM, PyTorch for the CPU
#   docker build -t chatlog --build-arg EXTRAS=pii,hub .       fewer
#   docker build -t chatlog:gpu --target gpu .                 with vLLM, for CUDA
#   docker run --rm --user "$(id -u):$(id -g)" -v "$PWD:/data" chatlog demo --out demo-out
# Recipes, queries and card templates lie in /opt/chatlog/share/chatlog.

ARG PYTHON_IMAGE=python:3.11-slim-bookworm
ARG CUDA_IMAGE=nvidia/cuda:13.0.1-devel-ubuntu24.04

# The wheel, made once for every image.
FROM ${PYTHON_IMAGE} AS wheel
WORKDIR /src
COPY pyproject.toml README.md LICENSE ./
COPY chatlog chatlog
COPY pipelines pipelines
COPY sql sql
COPY data_cards data_cards
RUN pip wheel --no-cache-dir --no-deps --wheel-dir /wheels .

FROM ${PYTHON_IMAGE} AS build
ARG EXTRAS=all
# PyTorch's own index has builds without CUDA, which are gigabytes smaller.
ARG TORCH_INDEX=https://download.pytorch.org/whl/cpu
COPY constraints.txt /tmp/constraints.txt
COPY --from=wheel /wheels /tmp/wheels
RUN python -m venv /opt/chatlog && \
    /opt/chatlog/bin/pip install --no-cache-dir --extra-index-url "${TORCH_INDEX}" \
    --constraint /tmp/constraints.txt "chatlog[${EXTRAS}] @ file://$(echo /tmp/wheels/chatlog-*.whl)"

FROM ${PYTHON_IMAGE} AS cli
COPY --from=build /opt/chatlog /opt/chatlog
RUN useradd --create-home --uid 10001 chatlog && install -d -o chatlog /data
ENV PATH=/opt/chatlog/bin:$PATH
USER 10001
WORKDIR /data
ENTRYPOINT ["chatlog"]
CMD ["--help"]

FROM ${CUDA_IMAGE} AS gpu
ARG EXTRAS=pii,embed,hub,report,vllm
# vLLM compiles kernels when it starts: it needs nvcc (of the base image), a C compiler and Python's headers.
# hadolint ignore=DL3008
RUN apt-get update && apt-get install -y --no-install-recommends gcc g++ python3 python3-dev python3-venv \
    && rm -rf /var/lib/apt/lists/*
COPY --from=wheel /wheels /tmp/wheels
# Without the constraints: vLLM pins its own torch and transformers.
RUN python3 -m venv /opt/chatlog && \
    /opt/chatlog/bin/pip install --no-cache-dir "chatlog[${EXTRAS}] @ file://$(echo /tmp/wheels/chatlog-*.whl)"
RUN useradd --create-home --uid 10001 chatlog && install -d -o chatlog /data
ENV PATH=/opt/chatlog/bin:$PATH
USER 10001
WORKDIR /data
ENTRYPOINT ["chatlog"]
CMD ["--help"]

# The last stage is what a plain `docker build` makes.
FROM cli
