# Benchmarks beside other tools, each in an environment of its own. What they make stays in WORK.
WORK ?= build/benchmarks
BENCH := .venv-bench

.PHONY: bench-clean bench-dedup bench-dedup-degenerate bench-pii

$(BENCH)/%/.installed: benchmarks/requirements-%.txt
	$(PYTHON) -m venv $(BENCH)/$*
	$(BENCH)/$*/bin/python -m pip install --quiet --disable-pip-version-check -r $<
	@touch $@

# SIZES may hold more numbers of conversations: make bench-dedup SIZES="100000 1000000"
SIZES ?= 100000
bench-dedup: setup $(BENCH)/text-dedup/.installed $(BENCH)/datatrove/.installed
	$(BIN)/python benchmarks/dedup.py --work $(WORK)/dedup --sizes $(SIZES) \
	  --peer text-dedup=$(BENCH)/text-dedup/bin/python --peer datatrove=$(BENCH)/datatrove/bin/python

bench-dedup-degenerate: setup
	$(BIN)/python benchmarks/dedup_degenerate.py --rows 100000

# CLEAN="--conversations 1000000 --rounds 1 --skip-reference" measures memory at a million.
bench-clean: setup $(BENCH)/clean-chat/.installed
	$(BIN)/python benchmarks/clean_chat.py --reference-python $(BENCH)/clean-chat/bin/python --work $(WORK)/clean-chat $(CLEAN)

# LOGS are real chats in any form that ingest reads; LABELLED sets are those of `chatlog eval pii`.
bench-pii: setup
	$(BIN)/python benchmarks/pii.py --logs $(LOGS) --labelled $(LABELLED)
