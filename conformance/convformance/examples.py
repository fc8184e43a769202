"""Where the cases of discrepancies are kept between runs: Hypothesis's example databases."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from hypothesis.database import (
    DirectoryBasedExampleDatabase,
    ExampleDatabase,
    MultiplexedDatabase,
)

DEFAULT = Path(".hypothesis") / "convformance"
REDIS = ("redis://", "rediss://", "unix://")


class DatabaseError(ValueError):
    """Raised where no database can be had at a place; the message says why."""


def example_database(places: Sequence[str]) -> ExampleDatabase:
    """Return the database of a folder or a Redis, by its URL; of several places one over all.

    Without a place it is the usual folder. Raise `DatabaseError`.
    """
    found = [_redis(one) if one.startswith(REDIS) else _folder(one) for one in places]
    if len(found) > 1:
        return MultiplexedDatabase(*found)
    return found[0] if found else DirectoryBasedExampleDatabase(DEFAULT)


def _folder(place: str) -> ExampleDatabase:
    if "://" in place:
        raise DatabaseError(f"database {place!r} is neither a folder nor the URL of a Redis")
    if Path(place).exists() and not Path(place).is_dir():
        raise DatabaseError(f"database {place!r} is no folder")
    return DirectoryBasedExampleDatabase(place)


def _redis(url: str) -> ExampleDatabase:
    try:
        import redis
        from hypothesis.extra.redis import RedisExampleDatabase
    except ImportError:
        why = "redis is not installed: pip install 'convformance[redis]'"
        raise DatabaseError(f"database {url!r}: {why}") from None
    try:
        server = redis.Redis.from_url(url)
        server.ping()
    except (redis.RedisError, ValueError) as error:
        raise DatabaseError(f"database {url!r}: {error}") from None
    return RedisExampleDatabase(server)
