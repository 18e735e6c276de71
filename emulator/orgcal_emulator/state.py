"""One emulated cloud: its parts and the state that they share. No module holds state."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from orgcal_emulator.calendars.models import Users
from orgcal_emulator.clock import Clock
from orgcal_emulator.directory.credentials import new_secret, with_certificate
from orgcal_emulator.directory.models import Directory
from orgcal_emulator.directory.objects import new_guid
from orgcal_emulator.entra.assertions import AssertionChecker
from orgcal_emulator.entra.audiences import OwnAddresses
from orgcal_emulator.entra.issuers import IssuerKeys
from orgcal_emulator.entra.keys import SigningKey
from orgcal_emulator.entra.models import TokenService
from orgcal_emulator.entra.token_reader import TokenReader
from orgcal_emulator.errors import SeedError
from orgcal_emulator.exchange.models import ExchangeRights, Right
from orgcal_emulator.graph.asgi import GraphFront
from orgcal_emulator.graph.dispatcher import Dispatcher
from orgcal_emulator.graph.permissions import APPLICATION_PERMISSIONS_BY_NAME
from orgcal_emulator.graph_routes import graph_routes
from orgcal_emulator.integration.models import Platform
from orgcal_emulator.integration.nango_models import Nango
from orgcal_emulator.journal import Journal
from orgcal_emulator.seed import SeedApplication, SeedSource, load_application, load_seed, seed_source
from orgcal_emulator.state_versions import VERSION, migrated
from orgcal_emulator.store import Database, Table
from orgcal_emulator.throttling.models import Traffic
from orgcal_emulator.throttling.settings import set_lag


@dataclass
class Setting:
    """A single value that outlives the process."""

    value: str


@dataclass(frozen=True)
class Secrets:
    """What this emulator's own clients log in with. Kept in files (0600), never in the database.

    Attributes:
        operator_certificate: PEM text; its key is in the bundle beside it, and never here.
    """

    operator_secret: str
    operator_certificate: str
    platform_api_key: str
    control_token: str

    def __repr__(self) -> str:
        return "Secrets(…)"


@dataclass(frozen=True)
class Client:
    """An application that can log in."""

    tenant_id: str
    client_id: str
    principal_id: str
    secret: str

    def __repr__(self) -> str:
        return f"Client(tenant_id={self.tenant_id!r}, client_id={self.client_id!r}, secret=…)"


class EmulatedCloud:
    """Entra ID, Microsoft Graph and integration platforms with their state.

    Args:
        seed: what it holds when it is new, and again after `reset`; None for the seed that its state was made from,
            or the built-in one.
        database_file: where its state lives, or None for memory.
        key: signs tokens.
        own: secrets of its own clients.

    Raises:
        SeedError: the seed is wrong, or not the one that the state was made from.
        StateError: another emulator uses the state, or a newer one wrote it.
    """

    def __init__(self, seed: SeedSource | None, database_file: Path | None, key: SigningKey, own: Secrets) -> None:
        self.key = key
        self.own = own
        self.clock = Clock()
        self.journal = Journal()
        self.database = Database(database_file)
        self._settings: Table[Setting] = Table("fact", Setting, self.database, self.clock)
        self.clock.offset_s = float(self._setting("clock_offset_s", "0"))
        self.directory_id = self._setting("directory_id", new_guid())
        self.directory = Directory(self.database, self.clock)
        self.platform = Platform(self.database, self.clock)
        self.nango = Nango(self.database, self.clock)
        self.users = Users(self.directory)
        self.exchange = ExchangeRights(self.database, self.clock, self.users)
        self.issuer_keys = IssuerKeys()
        self.addresses = OwnAddresses()
        assertions = AssertionChecker(self.clock, self.issuer_keys)
        self.tokens = TokenService(self.directory, self.clock, key, assertions, self.directory_id, self.addresses)
        self.callers = TokenReader(self.directory, self.clock, key, self.directory_id, self.addresses)
        self.traffic = Traffic(self.clock)
        self.dispatcher = Dispatcher(
            graph_routes(self.directory, self.users, self.exchange, self.clock),
            self.clock,
            self.traffic.limits,
            lambda tenant_id: self.users.of(tenant_id).count,
        )
        self.graph = GraphFront(
            self.dispatcher, self.callers, self.clock, self.journal, self.traffic, self.database.commit
        )
        made_from = self._settings.get("seed")
        if made_from is None:
            self._plant(seed or seed_source())
        elif seed is not None and seed.text != made_from.value:
            self.database.close()
            raise SeedError(
                f"{seed.name}: the state was made from another seed; leave the seed out, or use another state folder"
            )
        self._trust_operator_certificate()
        self.database.commit()

    def _plant(self, source: SeedSource) -> None:
        """Fill the empty directory from a seed, and remember which."""
        seed = source.read()
        load_seed(seed, self.directory, self.own.operator_secret)
        operator = self.directory.application_by_client(seed.operator.client_id)
        assert operator is not None
        self._settings.put("seed", Setting(source.text))
        self._settings.put("operator_tenant_id", Setting(operator.tenant_id))
        self._settings.put("operator_client_id", Setting(operator.client_id))

    def _trust_operator_certificate(self) -> None:
        """Register the operator's certificate with its application, unless that has it.

        States that an older version wrote and imported ones lack it.
        """
        operator = self.directory.application_by_client(self.operator[1])
        if operator is not None:
            trusting = with_certificate(operator, self.own.operator_certificate, self.clock.now())
            if trusting is not operator:
                self.directory.put_application(trusting)

    @property
    def operator(self) -> tuple[str, str]:
        """Tenant id and client id of the operator's application."""
        return self._setting("operator_tenant_id", ""), self._setting("operator_client_id", "")

    def _setting(self, name: str, default: str) -> str:
        setting = self._settings.get(name)
        if setting is None:
            setting = Setting(default)
            self._settings.put(name, setting)
        return setting.value

    def move_clock(self, seconds: float) -> float:
        """Move the emulated time forward and return it.

        Raises:
            ValueError: `seconds` is negative or absurdly large.
        """
        now = self.clock.advance(seconds)
        self._settings.put("clock_offset_s", Setting(repr(self.clock.offset_s)))
        self.database.commit()
        return now

    def set_exchange(self, tenant: str, *, online: bool) -> None:
        """Give a tenant (id or domain) Exchange Online, or take it away; `ValueError` where there is no such tenant."""
        self.users.set_exchange(tenant, online=online)
        self.database.commit()

    def set_access_policy(self, tenant: str, client_id: str, group: str, right: Right | None) -> None:
        """Limit an application by an application access policy, as `New-ApplicationAccessPolicy` does, or by none.

        Args:
            tenant: id or domain.
            group: id or name of a group of the tenant.
            right: None removes the policies of the application.

        Raises:
            ValueError: there is no such tenant or group.
        """
        found = self.directory.tenant(tenant)
        if found is None:
            raise ValueError(f"there is no tenant {tenant!r}")
        if right is None:
            self.exchange.remove_policies(found.tenant_id, client_id)
        else:
            groups = self.users.groups_of(found.tenant_id).all
            wanted = next((each for each in groups if group in (each.object_id, each.display_name)), None)
            if wanted is None:
                raise ValueError(f"there is no group {group!r}")
            self.exchange.put_policy(found.tenant_id, client_id, wanted.object_id, right)
        self.database.commit()

    def add_client(self, tenant: str, *permissions: str, audience: str = "AzureADMyOrg") -> Client:
        """An application in `tenant` (id or domain) with a secret and these application permissions on Graph.

        Raises:
            KeyError: there is no such tenant or permission.
        """
        home = self.directory.tenant(tenant)
        if home is None:
            raise KeyError(tenant)
        secret = new_secret()
        roles = tuple(APPLICATION_PERMISSIONS_BY_NAME[name].name for name in permissions)
        client = Client(home.tenant_id, new_guid(), new_guid(), secret)
        application = SeedApplication(
            home.default_domain, "test client", client.client_id, new_guid(), client.principal_id, roles
        )
        load_application(application, self.directory, secret, audience=audience)
        self.database.commit()
        return client

    def export(self) -> dict[str, Any]:
        """Everything it holds, as JSON can hold it; secrets of the directory only as hashes."""
        return {
            "version": VERSION,
            "directory_id": self.directory_id,
            "clock_offset_s": self.clock.offset_s,
            "objects": {table.kind: table.export() for table in self._tables()},
        }

    def import_state(self, exported: dict[str, Any]) -> None:
        """Replace everything it holds by what `export` gave.

        Raises:
            ValueError: this is no export of this version or an older one; nothing was changed.
        """
        objects, version = exported.get("objects"), exported.get("version")
        if type(version) is not int or not 1 <= version <= VERSION or not isinstance(objects, dict):
            raise ValueError(f"this is no export of version {VERSION} or older")
        offset_s = exported.get("clock_offset_s", 0.0)
        if isinstance(offset_s, bool) or not isinstance(offset_s, int | float):
            raise ValueError("`clock_offset_s` must be a number of seconds")
        made: list[tuple[Table[Any], str, Any]] = []
        for kind, documents in objects.items():
            if not isinstance(documents, dict) or not all(isinstance(each, dict) for each in documents.values()):
                raise ValueError(f"{kind} of the export must be an object of objects")
        try:
            objects = migrated(objects, version)
        except (KeyError, AttributeError) as error:
            raise ValueError(f"this is no export of version {version}: {error}") from error
        for table in self._tables():
            for key, document in objects.get(table.kind, {}).items():
                try:
                    made.append((table, key, table.model(**document)))
                except TypeError as error:
                    raise ValueError(f"{table.kind} {key!r} is not one of this version: {error}") from error
        before = [(table, key, table.get(key)) for table in self._tables() for key in table.export()]
        offset_before_s = self.clock.offset_s
        self.clock.set_offset(offset_s)
        try:
            self._hold(made)
        except (TypeError, ValueError, AttributeError, KeyError) as error:
            self.clock.set_offset(offset_before_s)
            self._hold(before)
            raise ValueError(f"the export does not hold together: {error}") from error

    def _hold(self, objects: list[tuple[Table[Any], str, Any]]) -> None:
        """Hold these objects and no others."""
        self._clear()
        self._keep_settings()
        for table, key, value in objects:
            table.put(key, value)
        self.directory.index()
        self._trust_operator_certificate()
        self.database.commit()

    def _tables(self) -> list[Table[Any]]:
        return [*self.directory.tables(), *self.exchange.tables(), self.platform.connectors, *self.nango.tables()]

    def _clear(self) -> None:
        self.database.clear()
        self.directory.clear()
        self.exchange.clear()
        self.platform.clear()
        self.nango.clear()
        self.users.clear()
        self.callers.forget()
        self.issuer_keys.clear()
        self.journal.clear()
        self.traffic.clear()
        self.tokens.leave_out_oid(0)
        set_lag(self.directory, {})

    def _keep_settings(self) -> None:
        """Write the facts again after the database was cleared."""
        for name in self._settings.export():
            self._settings.put(name, Setting(self._setting(name, "")))
        self._settings.put("clock_offset_s", Setting(repr(self.clock.offset_s)))

    def reset(self) -> None:
        """Back to the seed: same ids, keys, addresses and secrets; the time is the machine's again."""
        self._clear()
        self.clock.offset_s = 0.0
        self._keep_settings()
        self._plant(SeedSource(self._setting("seed", ""), "the seed of this state"))
        self._trust_operator_certificate()
        self.database.commit()
