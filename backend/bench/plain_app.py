"""A plain application, as the tutorials of FastAPI and SQLModel teach it, to compare Duly with.

An async engine with psycopg, a session per request, a dependency that decodes the JWT and loads the
user, and `response_model`. It has the columns of Duly's tasks and an index for its lists.

    python -m bench.plain_app        creates its tables in PLAIN_DATABASE_URL
"""

import asyncio
import os
import uuid
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Annotated

import bcrypt
from fastapi import Depends, FastAPI, HTTPException, Query, status
from fastapi.concurrency import run_in_threadpool
from fastapi.security import OAuth2PasswordBearer
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import OctKey
from sqlalchemy import DateTime, Index
from sqlalchemy.ext.asyncio import create_async_engine
from sqlmodel import Field, SQLModel, col, or_, select
from sqlmodel.ext.asyncio.session import AsyncSession

KEY = OctKey.import_key(os.environ.get("PLAIN_SECRET_KEY", "a key for measurements only, 32 B"))
BCRYPT_COST = int(os.environ.get("PLAIN_BCRYPT_COST", "12"))
engine = create_async_engine(
    os.environ.get("PLAIN_DATABASE_URL", "postgresql:///plain").replace(
        "postgresql://", "postgresql+psycopg://", 1
    )
)


def now() -> datetime:
    """Return the time."""
    return datetime.now(UTC)


class User(SQLModel, table=True):
    """An account."""

    id: uuid.UUID = Field(default_factory=uuid.uuid4, primary_key=True)
    email: str = Field(unique=True, index=True, max_length=254)
    password_hash: str


class UserCreate(SQLModel):
    """A new account, or a sign-in."""

    email: str = Field(max_length=254)
    password: str = Field(min_length=8, max_length=72)


class UserPublic(SQLModel):
    """An account, as its owner sees it."""

    id: uuid.UUID
    email: str


class Token(SQLModel):
    """An access token."""

    access_token: str
    token_type: str = "bearer"


class TaskBase(SQLModel):
    """The fields that a client sets."""

    title: str = Field(min_length=1, max_length=255)
    description: str | None = Field(default=None, max_length=20_000)
    is_completed: bool = False


class Task(TaskBase, table=True):
    """Something to be done."""

    __table_args__ = (Index("ix_task_user_id_created_at", "user_id", "created_at"),)

    id: uuid.UUID = Field(default_factory=uuid.uuid4, primary_key=True)
    user_id: uuid.UUID = Field(foreign_key="user.id", ondelete="CASCADE")
    completed_at: datetime | None = Field(default=None, sa_type=DateTime(timezone=True))
    created_at: datetime = Field(default_factory=now, sa_type=DateTime(timezone=True))
    updated_at: datetime = Field(default_factory=now, sa_type=DateTime(timezone=True))
    version: int = 1


class TaskCreate(TaskBase):
    """A new task."""


class TaskUpdate(SQLModel):
    """Changes to a task."""

    title: str | None = Field(default=None, min_length=1, max_length=255)
    description: str | None = Field(default=None, max_length=20_000)
    is_completed: bool | None = None


class TaskPublic(TaskBase):
    """A task, as its owner sees it."""

    id: uuid.UUID
    user_id: uuid.UUID
    completed_at: datetime | None
    created_at: datetime
    updated_at: datetime
    version: int


app = FastAPI(title="Plain")
oauth2_scheme = OAuth2PasswordBearer("login")


async def get_session() -> AsyncIterator[AsyncSession]:
    """Yield the session of a request."""
    async with AsyncSession(engine, expire_on_commit=False) as session:
        yield session


SessionDep = Annotated[AsyncSession, Depends(get_session)]


async def get_current_user(
    session: SessionDep, token: Annotated[str, Depends(oauth2_scheme)]
) -> User:
    """Return the user whose token was sent."""
    refused = HTTPException(status.HTTP_401_UNAUTHORIZED, headers={"WWW-Authenticate": "Bearer"})
    try:
        claims = jwt.decode(token, KEY, algorithms=["HS256"]).claims
        jwt.JWTClaimsRegistry(exp={"essential": True}).validate(claims)
        user = await session.get(User, uuid.UUID(claims["sub"]))
    except (JoseError, KeyError, ValueError):
        raise refused from None
    if user is None:
        raise refused
    return user


CurrentUser = Annotated[User, Depends(get_current_user)]


async def get_own_task(session: SessionDep, user: CurrentUser, task_id: uuid.UUID) -> Task:
    """Return a task of the user."""
    found = await session.exec(select(Task).where(Task.id == task_id, Task.user_id == user.id))
    task = found.first()
    if task is None:
        raise HTTPException(status.HTTP_404_NOT_FOUND)
    return task


OwnTask = Annotated[Task, Depends(get_own_task)]


@app.get("/health")
async def health() -> dict[str, str]:
    """Return that the application runs."""
    return {"status": "ok"}


@app.post("/users", response_model=UserPublic, status_code=status.HTTP_201_CREATED)
async def create_user(session: SessionDep, body: UserCreate) -> User:
    """Create an account."""
    salt = bcrypt.gensalt(BCRYPT_COST)
    hashed = await run_in_threadpool(bcrypt.hashpw, body.password.encode(), salt)
    user = User(email=body.email, password_hash=hashed.decode())
    session.add(user)
    await session.commit()
    return user


@app.post("/login")
async def login(session: SessionDep, body: UserCreate) -> Token:
    """Sign in."""
    user = (await session.exec(select(User).where(User.email == body.email))).first()
    if user is None or not await run_in_threadpool(
        bcrypt.checkpw, body.password.encode(), user.password_hash.encode()
    ):
        raise HTTPException(status.HTTP_401_UNAUTHORIZED)
    expires_at = int((now() + timedelta(hours=1)).timestamp())
    claims = {"sub": str(user.id), "exp": expires_at}
    return Token(access_token=jwt.encode({"alg": "HS256"}, claims, KEY))


@app.post("/tasks", response_model=TaskPublic, status_code=status.HTTP_201_CREATED)
async def create_task(session: SessionDep, user: CurrentUser, body: TaskCreate) -> Task:
    """Create a task."""
    completed_at = now() if body.is_completed else None
    extra = {"user_id": user.id, "completed_at": completed_at}
    task = Task.model_validate(body, update=extra)
    session.add(task)
    await session.commit()
    await session.refresh(task)
    return task


@app.get("/tasks", response_model=list[TaskPublic])
async def list_tasks(  # noqa: PLR0917  # FastAPI passes them by name
    session: SessionDep,
    user: CurrentUser,
    offset: Annotated[int, Query(ge=0)] = 0,
    limit: Annotated[int, Query(ge=1, le=100)] = 20,
    is_completed: bool | None = None,
    q: Annotated[str | None, Query(max_length=200)] = None,
) -> list[Task]:
    """List tasks, the newest first."""
    statement = select(Task).where(Task.user_id == user.id)
    if is_completed is not None:
        statement = statement.where(Task.is_completed == is_completed)
    if q:
        matches = [col(column).icontains(q) for column in (Task.title, Task.description)]
        statement = statement.where(or_(*matches))
    statement = statement.order_by(col(Task.created_at).desc()).offset(offset).limit(limit)
    return list((await session.exec(statement)).all())


@app.get("/tasks/{task_id}", response_model=TaskPublic)  # noqa: FAST003  # OwnTask takes it
async def read_task(task: OwnTask) -> Task:
    """Read a task."""
    return task


@app.patch("/tasks/{task_id}", response_model=TaskPublic)  # noqa: FAST003  # as above
async def update_task(session: SessionDep, task: OwnTask, body: TaskUpdate) -> Task:
    """Change a task."""
    task.sqlmodel_update(body.model_dump(exclude_unset=True))
    task.completed_at = (task.completed_at or now()) if task.is_completed else None
    task.updated_at = now()
    task.version += 1
    session.add(task)
    await session.commit()
    await session.refresh(task)
    return task


async def create_tables() -> None:
    """Create the tables."""
    async with engine.begin() as connection:
        await connection.run_sync(SQLModel.metadata.create_all)
    await engine.dispose()


if __name__ == "__main__":
    asyncio.run(create_tables())
