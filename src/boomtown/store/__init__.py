"""What is remembered: tables, one module of queries per aggregate, migrations, the one writer. It decides nothing."""
