"""Tokens and cost of each model, asked of a Parquet file by DuckDB: python examples/cost.py spans.parquet."""

import sys

import duckdb

QUERY = """
    select
        llm_model as model,
        count(*) as requests,
        sum(llm_input_tokens)::bigint as input_tokens,
        sum(llm_output_tokens)::bigint as output_tokens,
        round(sum(llm_cost_usd), 6) as cost_usd
    from read_parquet($file)
    where is_request
    group by all
    order by cost_usd desc nulls last, model
"""


def main() -> None:
    """Print the table."""
    duckdb.sql(QUERY, params={"file": sys.argv[1]}).show()


if __name__ == "__main__":
    main()
