"""The statistics of the LMSYS-Chat-1M paper, from any dataset with its columns, by polars alone.

    python lmsys_paper.py FOLDER_OF_A_RELEASE
    python lmsys_paper.py ORG/NAME              # read from the Hub; HF_TOKEN is used for gated datasets

Definitions follow Zheng et al., arXiv 2309.11998: Table 1 (conversations, models, languages, turns), the figures of
models and languages, Table 2 (flagged conversations by category; one counts for each of its categories), and the
table of attempts and successes by model. Three things differ. Users do not stand in the published columns. Lengths
are in characters, where the paper counts tokens of Llama 2. An attempt is a conversation with a flagged prompt and a
success one with a flagged answer as well, both by the published verdicts, where the paper asks two versions of the
moderation endpoint.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import polars as pl

COLUMNS = ("conversation_id", "model", "conversation", "turn", "language", "openai_moderation")

CATEGORIES = {
    "sexual": ("sexual", "sexual/minors"),
    "harassment": ("harassment", "harassment/threatening"),
    "violence": ("violence", "violence/graphic"),
    "hate": ("hate", "hate/threatening"),
    "self-harm": ("self-harm", "self-harm/intent", "self-harm/instructions"),
}
"""The paper's five categories, and OpenAI's that each takes together."""


def scan(place: str) -> pl.LazyFrame:
    """The paper's columns of a release's folder, or of a dataset on the Hub."""
    folder = Path(place)
    files = f"{folder}/data/*.parquet" if folder.is_dir() else f"hf://datasets/{place}/data/*.parquet"
    return pl.scan_parquet(files).select(COLUMNS)


def messages(rows: pl.LazyFrame) -> pl.LazyFrame:
    """One row a judged message: its conversation's id and model, role, content, and whether categories were flagged."""
    verdict = pl.col("openai_moderation")
    return (
        rows.select("conversation_id", "model", "conversation", "openai_moderation")
        .filter(pl.col("conversation").list.len() == verdict.list.len())
        .explode("conversation", "openai_moderation")
        .select(
            "conversation_id",
            "model",
            pl.col("conversation").struct.field("role", "content"),
            verdict.struct.field("flagged").fill_null(False),
            *(
                pl.any_horizontal(
                    verdict.struct.field("categories").struct.field(name).fill_null(False) for name in names
                ).alias(category)
                for category, names in CATEGORIES.items()
            ),
        )
    )


def table_1(rows: pl.LazyFrame) -> pl.DataFrame:
    """Table 1: a column a statistic, one row."""
    message = pl.col("conversation").struct
    length, role = message.field("content").str.len_chars(), message.field("role")
    lengths = (
        rows.select("conversation")
        .explode("conversation")
        .select(
            length.filter(role == "user").mean().alias("characters a prompt"),
            length.filter(role == "assistant").mean().alias("characters a response"),
        )
    )
    counts = rows.select(
        pl.len().alias("conversations"),
        pl.col("model").n_unique().alias("models"),
        pl.col("language").filter(pl.col("language") != "unknown").n_unique().alias("languages"),
        pl.col("turn").mean().alias("turns a conversation"),
    )
    return pl.concat([counts, lengths], how="horizontal").collect()


def counted(rows: pl.LazyFrame, column: str) -> pl.DataFrame:
    """Conversations by model or language, the most frequent first: the paper's figures 1 and 2."""
    found = rows.group_by(column).agg(pl.len().alias("conversations"))
    return found.sort(["conversations", column], descending=[True, False]).collect()


def table_2(rows: pl.LazyFrame) -> pl.DataFrame:
    """Table 2: flagged conversations, in all and by category."""
    by_conversation = messages(rows).group_by("conversation_id").agg(pl.col("flagged", *CATEGORIES).any())
    sums = by_conversation.select(pl.col("flagged", *CATEGORIES).sum()).collect()
    return sums.transpose(include_header=True, header_name="category", column_names=["conversations"])


def attempts(rows: pl.LazyFrame) -> pl.DataFrame:
    """Conversations, attempts and successes by model, and the share of conversations that succeed."""
    flagged = pl.col("flagged")
    by_conversation = (
        messages(rows)
        .group_by("model", "conversation_id")
        .agg(
            (flagged & (pl.col("role") == "user")).any().alias("attempt"),
            (flagged & (pl.col("role") == "assistant")).any().alias("answered"),
        )
    )
    return (
        by_conversation.group_by("model")
        .agg(
            pl.len().alias("conversations"),
            pl.col("attempt").sum().alias("attempts"),
            (pl.col("attempt") & pl.col("answered")).sum().alias("successes"),
        )
        .with_columns((pl.col("successes") / pl.col("conversations")).alias("success rate"))
        .sort(["success rate", "model"], descending=[True, False])
        .collect()
    )


def main() -> None:
    """Prints the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("place", help="folder of a release, or ORG/NAME on the Hub")
    rows = scan(parser.parse_args().place)
    tables = {
        "Table 1: basic statistics": table_1(rows),
        "Figure 1: conversations by model": counted(rows, "model"),
        "Figure 2: conversations by language": counted(rows, "language"),
        "Table 2: flagged conversations by category": table_2(rows),
        "Attempts to get unsafe answers, by model": attempts(rows),
    }
    with pl.Config(tbl_rows=30, tbl_hide_column_data_types=True, tbl_hide_dataframe_shape=True, fmt_str_lengths=40):
        for title, table in tables.items():
            print(f"{title}\n{table}\n")


if __name__ == "__main__":
    main()
