"""The schema: what the migrations build is what tables says, on both engines, and versions are told apart."""

from __future__ import annotations

import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from sqlalchemy import (
    CheckConstraint,
    Connection,
    Engine,
    ForeignKeyConstraint,
    PrimaryKeyConstraint,
    Table,
    UniqueConstraint,
    inspect,
    text,
)

from rollbook import settings
from rollbook.database import schema, tables
from rollbook.database.tables import EXCEPTIONS, metadata
from rollbook.errors import Misconfigured, Unavailable
from rollbook.settings import Settings
from tests import postgres
from tests.servers import clean_environment, environment

# Alembic's own note of the version, of no company.
VERSIONS = "alembic_version"


@pytest.fixture
def address(engine: str, tmp_path: Path, request: pytest.FixtureRequest) -> dict[str, str]:
    """The settings of a new, empty database."""
    url = "" if engine == "sqlite" else postgres.new_database(request.getfixturevalue("postgres_server"))
    return environment(tmp_path / "data", url)


@pytest.fixture
def empty(address: dict[str, str]) -> Settings:
    return settings.read(address)


@pytest.fixture
def migrated(empty: Settings) -> Engine:
    schema.migrate(empty)
    return schema.engine_for(empty)


def test_the_migrations_build_what_tables_says(migrated: Engine) -> None:
    with migrated.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True, "compare_server_default": True})
        assert compare_metadata(context, metadata) == []


def test_columns_and_constraints_are_the_same_by_name(migrated: Engine) -> None:
    """Alembic compares no checks, no primary keys and no partial indexes' conditions; here they are compared."""
    found = inspect(migrated)
    assert set(found.get_table_names()) == {*metadata.tables, VERSIONS}
    for table in metadata.tables.values():
        name = table.name
        columns = [(column["name"], column["nullable"]) for column in found.get_columns(name)]
        assert columns == [(column.name, column.nullable) for column in table.columns]
        assert found.get_pk_constraint(name)["constrained_columns"] == [c.name for c in table.primary_key.columns]
        checks = {check["name"] for check in found.get_check_constraints(name)}
        declared = {c.name for c in table.constraints if isinstance(c, CheckConstraint)}
        assert checks == declared, name
        partial = {
            index["name"]
            for index in found.get_indexes(name)
            if index.get("dialect_options", {}).get(f"{migrated.dialect.name}_where") is not None
        }
        wanted = {index.name for index in table.indexes if index.dialect_options["sqlite"]["where"] is not None}
        assert partial == wanted, name


def test_the_view_of_active_users_is_there_with_its_columns(migrated: Engine) -> None:
    found = inspect(migrated)
    assert found.get_view_names() == ["active_users"]
    columns = [column["name"] for column in found.get_columns("active_users")]
    assert columns == [column.name for column in tables.active_users.columns]


def alembic(connection: Connection) -> Config:
    """What Alembic's own commands need for this connection."""
    config = Config()
    config.set_main_option("script_location", str(schema.HERE / "alembic"))
    config.set_main_option("version_locations", str(schema.HERE / "migrations"))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    return config


def test_a_company_of_before_gets_what_each_company_has(empty: Settings) -> None:
    """Its everyone and its hire date, with the dates that people have already."""
    user = dict.fromkeys(("user_name", "email", "given_name", "family_name", "name_key"), "leo")
    user |= {"company_id": "c", "id": "u", "role": "learner", "link": "linked", "kept": "{}", "version": 1}
    user |= {"hire_date": "2026-11-24", "created_at": "then", "updated_at": "then"}
    with schema.engine_for(empty).connect() as connection:
        command.upgrade(alembic(connection), "0001")
        connection.execute(text("INSERT INTO companies VALUES ('c', 'acme', 'Acme', 'then', '{}', NULL)"))
        names = ", ".join(user)
        connection.execute(text(f"INSERT INTO users ({names}) VALUES ({', '.join(f':{name}' for name in user)})"), user)
        connection.commit()
    schema.migrate(empty)
    with schema.engine_for(empty).connect() as connection:
        groups = connection.execute(text("SELECT company_id, name, name_key, kind FROM groups")).fetchall()
        fields = connection.execute(text("SELECT company_id, name, type, owner, user_column FROM fields")).fetchall()
        values = connection.execute(text("SELECT company_id, user_id, value, written_at FROM field_values")).fetchall()
    assert [tuple(row) for row in groups] == [("c", "Everyone", "everyone", "everyone")]
    assert [tuple(row) for row in fields] == [("c", "Hire date", "date", "scim", "hire_date")]
    assert [tuple(row) for row in values] == [("c", "u", "2026-11-24", "then")]


def test_the_way_down_leaves_nothing_and_the_way_up_works_again(empty: Settings) -> None:
    schema.migrate(empty)
    with schema.engine_for(empty).connect() as connection:
        config = alembic(connection)
        command.downgrade(config, "base")
        connection.commit()
        assert set(inspect(connection).get_table_names()) <= {VERSIONS}
        assert inspect(connection).get_view_names() == []
    schema.migrate(empty)
    assert schema.is_newest(empty)


def leading(table: Table) -> list[tuple[str, str]]:
    """Each key, constraint and index of a table by its name, with its first column."""
    keys = (PrimaryKeyConstraint, UniqueConstraint, ForeignKeyConstraint)
    of_keys = [c for c in table.constraints if isinstance(c, keys)]
    return [(str(of.name), next(iter(of.columns)).name) for of in (*of_keys, *table.indexes)]


def test_the_company_leads_every_key_constraint_and_index() -> None:
    """So that a company's rows can lie on one shard; what does not obey is listed with its reason."""
    disobedient = set()
    for table in metadata.tables.values():
        for name, first in leading(table):
            if first != "company_id":
                disobedient.add(table.name if table.name in EXCEPTIONS else name)
    assert disobedient == set(EXCEPTIONS)
    assert all(EXCEPTIONS.values())


def test_the_database_itself_agrees_that_the_company_leads(migrated: Engine) -> None:
    found = inspect(migrated)
    for name in set(metadata.tables) - set(EXCEPTIONS):
        keys: list[Any] = [found.get_pk_constraint(name), *found.get_foreign_keys(name)]
        leaders = [key["constrained_columns"][0] for key in keys]
        leaders += [unique["column_names"][0] for unique in found.get_unique_constraints(name)]
        leaders += [index["column_names"][0] for index in found.get_indexes(name) if index["name"] not in EXCEPTIONS]
        assert set(leaders) == {"company_id"}, name


def test_every_constraint_has_a_name_of_ours_and_none_is_deferrable() -> None:
    for table in metadata.tables.values():
        for constraint in table.constraints:
            assert constraint.name, table.name
            assert not constraint.deferrable, constraint.name


def test_an_empty_database_is_set_up_by_the_first_start(empty: Settings) -> None:
    schema.prepare(empty)
    assert schema.is_newest(empty)
    schema.prepare(empty)


def test_migrating_twice_is_the_same_as_once(empty: Settings) -> None:
    assert schema.migrate(empty) == schema.migrate(empty)


def test_an_older_database_is_changed_by_migrate_alone(empty: Settings) -> None:
    """A server that starts by itself must not change the schema under others that run."""
    with schema.engine_for(empty).begin() as connection:
        connection.execute(text("CREATE TABLE of_before (id INTEGER)"))
    with pytest.raises(Misconfigured, match="rollbook migrate"):
        schema.prepare(empty)
    with schema.engine_for(empty).connect() as connection:
        assert inspect(connection).get_table_names() == ["of_before"]


def test_a_newer_database_is_refused(empty: Settings) -> None:
    schema.migrate(empty)
    with schema.engine_for(empty).begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(Misconfigured, match="newer"):
        schema.prepare(empty)
    assert not schema.is_newest(empty)
    with pytest.raises(Misconfigured, match="newer"):
        schema.migrate(empty)


def test_a_migration_that_fails_leaves_nothing_half_done(empty: Settings) -> None:
    """Something of this name is there already, so the last table cannot be made."""
    with schema.engine_for(empty).begin() as connection:
        connection.execute(text("CREATE TABLE sign_in_links (id INTEGER)"))
    with pytest.raises(Unavailable, match="sign_in_links"):
        schema.migrate(empty)
    with schema.engine_for(empty).begin() as connection:
        assert set(inspect(connection).get_table_names()) <= {"sign_in_links", VERSIONS}
        connection.execute(text("DROP TABLE sign_in_links"))
    schema.migrate(empty)
    assert schema.is_newest(empty)


def test_a_start_waits_for_another_that_sets_the_database_up(empty: Settings) -> None:
    """While the first holds the guard the second sees no newest schema, and must not take it for an older one."""
    with schema._connected(empty) as connection, schema._one_at_a_time(empty, connection):
        with schema.engine_for(empty).begin() as other:
            other.execute(text("CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL)"))
        second = threading.Thread(target=schema.prepare, args=(empty,))
        second.start()
        second.join(timeout=0.3)
        assert second.is_alive()
        with schema.engine_for(empty).begin() as other:
            other.execute(text("DROP TABLE alembic_version"))
    second.join(timeout=20)
    assert schema.is_newest(empty)


def test_several_machines_may_migrate_at_once(address: dict[str, str], empty: Settings) -> None:
    processes = [
        subprocess.Popen(
            [sys.executable, "-m", "rollbook", "migrate"],
            env={**clean_environment(), **address},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
        )
        for _ in range(3)
    ]
    ends = [process.communicate(timeout=120)[1].decode() for process in processes]
    assert [process.returncode for process in processes] == [0, 0, 0], ends
    assert schema.is_newest(empty)


def test_several_servers_may_set_up_an_empty_database_at_once(address: dict[str, str], empty: Settings) -> None:
    processes = [
        subprocess.Popen(
            [sys.executable, "-m", "rollbook", "company", "create", f"acme{number}", "--name", "Acme"],
            env={**clean_environment(), **address},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
        )
        for number in range(3)
    ]
    ends = [process.communicate(timeout=120)[1].decode() for process in processes]
    assert [process.returncode for process in processes] == [0, 0, 0], ends
    with schema.engine_for(empty).connect() as connection:
        assert connection.execute(text("SELECT count(*) FROM companies")).scalar() == 3


def test_a_database_that_does_not_answer_is_told(tmp_path: Path) -> None:
    nowhere = settings.read(environment(tmp_path, "postgresql://127.0.0.1:1/nowhere"))
    with pytest.raises(Unavailable, match="does not answer"):
        schema.prepare(nowhere)
