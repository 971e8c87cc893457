//! A context's own store: PostgreSQL or SQLite by URL, migrations, one SQL text.
