"""Performia's API. It says whether it and its two stores really answer."""

import asyncio
import os
from collections.abc import Awaitable, Callable
from typing import Literal

import asyncpg
from fastapi import FastAPI, Response
from fastapi.middleware.cors import CORSMiddleware
from fastapi_offline import FastAPIOffline
from pydantic import BaseModel, Field
from redis.asyncio import Redis

# Seconds. Well below the healthcheck's own limit in docker-compose.yml, so that
# a store that hangs is reported as such.
STORE_TIMEOUT = 2

# Any port of this machine, also by a name below .localhost: a development stack
# has its ports reassigned and may sit behind a reverse proxy.
LOCAL_ORIGIN = r"https?://(([a-z0-9-]+\.)*localhost|127\.0\.0\.1|\[::1\])(:\d+)?"


class Service(BaseModel):
    name: str = "performia"
    docs: str = "/docs"
    health: str = "/health"


class Health(BaseModel):
    status: Literal["ok", "failing"]
    postgres: str = Field(description="`ok`, or why PostgreSQL cannot be used")
    redis: str = Field(description="`ok`, or why Redis cannot be used")


# The pages of /docs and /redoc come with the package: they work without a network.
app: FastAPI = FastAPIOffline(title="Performia", description=__doc__)
app.add_middleware(
    CORSMiddleware,
    allow_origin_regex=LOCAL_ORIGIN,
    allow_methods=["*"],
    allow_headers=["*"],
)


@app.get("/")
async def root() -> Service:
    """Where to look next."""
    return Service()


@app.get("/health", responses={503: {"model": Health}})
async def health(response: Response) -> Health:
    """Asks both stores, each on a connection of its own."""
    postgres, redis = await asyncio.gather(verdict(ask_postgres), verdict(ask_redis))
    well = postgres == redis == "ok"
    if not well:
        response.status_code = 503
    return Health(status="ok" if well else "failing", postgres=postgres, redis=redis)


async def verdict(ask: Callable[[], Awaitable[None]]) -> str:
    try:
        async with asyncio.timeout(STORE_TIMEOUT):
            await ask()
    except TimeoutError:
        return f"no answer within {STORE_TIMEOUT} s"
    # Whatever a driver raises, from DNS to a wrong password, is the answer.
    except Exception as error:
        return str(error) or type(error).__name__
    return "ok"


async def ask_postgres() -> None:
    # asyncpg reads PGHOST, PGPORT, PGUSER, PGPASSWORD and PGDATABASE.
    connection = await asyncpg.connect()
    try:
        await connection.fetchval("SELECT 1")
    finally:
        connection.terminate()


async def ask_redis() -> None:
    async with Redis.from_url(os.environ["REDIS_URL"]) as redis:
        await redis.ping()
