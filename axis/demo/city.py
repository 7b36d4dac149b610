"""Starts a prepared demo city: both nodes as processes, the agencies' systems as tasks of this one."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

from axis.client import ClientOptions, NodeClient
from axis.clock import Clock
from axis.demo.cast import AGENCIES, CITY, NATIONAL, NodeName
from axis.demo.dms import Dms, Office, Pace
from axis.demo.documents import Desk
from axis.demo.ledger import Ledger
from axis.demo.pki import Pki
from axis.demo.prepare import DemoFolder, Ports, organ_names
from axis.demo.processes import NodeProcess
from axis.demo.seals import Seals


@dataclass(frozen=True, slots=True, kw_only=True)
class Running:
    """A demo city at work."""

    city: NodeProcess
    national: NodeProcess
    systems: Mapping[str, Dms]
    seals: Seals | None = None  # the agencies' keys


@dataclass(frozen=True, slots=True, kw_only=True)
class Crew:
    """What the agencies' systems share."""

    ledger: Ledger
    clock: Clock
    pace: Pace
    remembers: bool  # open answers survive a restart


@asynccontextmanager
async def running(folder: DemoFolder, ports: Ports, crew: Crew) -> AsyncIterator[Running]:
    """Start both nodes and the agencies; at the end stop the agencies, then the nodes."""
    async with AsyncExitStack() as stack:
        nodes = {node: NodeProcess(folder.config(node), ports.of(node)) for node in (NATIONAL, CITY)}
        for process in nodes.values():
            stack.push_async_callback(process.stop)
        async with asyncio.TaskGroup() as starting:
            for process in nodes.values():
                starting.create_task(process.start())
        seals = Seals(Pki(folder=folder.pki))
        systems = _systems(folder, nodes, crew, stack, seals)
        tasks = [asyncio.create_task(dms.run(), name=system_id) for system_id, dms in systems.items()]
        stack.push_async_callback(_cancel, tasks)
        yield Running(city=nodes[CITY], national=nodes[NATIONAL], systems=systems, seals=seals)


def _systems(
    folder: DemoFolder, nodes: Mapping[NodeName, NodeProcess], crew: Crew, stack: AsyncExitStack, seals: Seals
) -> dict[str, Dms]:
    names = organ_names()
    systems = {}
    for agency in AGENCIES:
        token = folder.token(agency).read_text(encoding="ascii").strip()
        client = NodeClient(ClientOptions(url=nodes[agency.node].url, token=token))
        stack.push_async_callback(client.close)
        systems[agency.system_id] = Dms(
            Office(
                agency=agency,
                client=client,
                desk=lambda: Desk(names, crew.clock.now()),
                ledger=crew.ledger,
                clock=crew.clock,
                pace=crew.pace,
                seals=seals,
                journal=folder.journal(agency) if crew.remembers else None,
            )
        )
    return systems


async def _cancel(tasks: list[asyncio.Task[None]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
