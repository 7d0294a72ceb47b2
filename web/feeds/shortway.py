"""The short way to a feed: an answer that is at hand is sent without a query, a thread or a route.

Everything else goes the long way, through the application: what is private, moved, missing or wrong, and
differences (RFC 3229).
"""

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

from starlette.types import Scope, Send

from web.feeds.answers import Answer, Reply, refusal
from web.feeds.asked import Asked, BadRequest
from web.feeds.encodings import Coding, choose
from web.feeds.freshness import Freshness
from web.feeds.polling import Polling
from web.feeds.resolving import Addresses
from web.responding import wants_difference

T = TypeVar("T")

MEMORY_BYTES = 64 * 1024 * 1024
_SLOT_BYTES = 4096
_LONGEST = 4096
_THREADS = 4

# Is told that a feed was asked for: its permanent id, the client's address and program, by which address.
Note = Callable[[str, str, str, str], None]
# Is told the status of each answer.
Answered = Callable[[int], None]
# A request's headers, of several with one name the last.
Told = Mapping[bytes, bytes]
# Gives what is new since one of the values of If-None-Match; None: send it all.
Differ = Callable[[Answer, Sequence[str], Coding], Reply | None]


class Slot:
    """One thing that may be asked for, and its answer (None: go the long way) as of some change."""

    __slots__ = ("answer", "as_of", "asked", "building", "making", "number", "size")

    def __init__(self, asked: Asked, number: int) -> None:
        self.asked = asked
        self.number = number
        self.answer: Answer | None = None
        self.as_of = -1
        self.building: Future[None] | None = None
        self.making: dict[tuple[Answer, Coding], Future[Reply]] = {}
        self.size = 0


class ShortWay:
    """Answers GET and HEAD of feeds from memory.

    ``prepare`` builds an answer, or tells by None that there is none to be kept; it is called in a thread,
    for each thing that is asked for once at a time. ``differ`` makes differences. ``extra`` are headers that
    every answer bears. At most ``memory`` bytes are kept: what was asked for least recently goes first.
    ``clock`` is in seconds and never goes back.
    """

    def __init__(
        self,
        addresses: Addresses,
        prepare: Callable[[Asked], Answer | None],
        differ: Differ,
        *,
        freshness: Freshness,
        polling: Polling,
        note: Note,
        clock: Callable[[], float],
        extra: Mapping[str, str],
        answered: Answered = lambda _status: None,
        memory: int = MEMORY_BYTES,
    ) -> None:
        self._addresses = addresses
        self._prepare = prepare
        self._differ = differ
        self._freshness = freshness
        self._polling = polling
        self._note = note
        self._answered = answered
        self._clock = clock
        self._extra = extra
        self._memory = memory
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="feeds")
        self._slots: OrderedDict[Asked, Slot] = OrderedDict()
        self._opened = 0
        self._held = 0

    async def answer(self, scope: Scope, send: Send) -> bool:
        """Answer a request if this can be done so; tell whether it was."""
        reply = self.at_hand(scope)
        if reply is None:
            reply = await self._worked_out(scope)
            if reply is None:
                return False
            self._answered(reply.status)
        await reply.send(send, scope["method"])
        return True

    def at_hand(self, scope: Scope) -> Reply | None:
        """The answer to a request if it can be given at once; if not, nothing has been counted."""
        asked = self._asked(scope)
        slot = None if asked is None else self._slots.get(asked)
        if slot is None or slot.answer is None:
            return None
        now = self._clock()
        as_of = self._freshness.at_hand(now)
        if as_of is None or slot.as_of < as_of:
            return None
        told = dict(scope["headers"])
        reply = _reply(slot.answer, told, scope)
        if reply is None:
            return None
        self._slots.move_to_end(slot.asked)
        refused = self._refused(slot, told, scope, now)
        if refused is None:
            self._count(slot.answer, told, scope)
        else:
            reply = refused
        self._answered(reply.status)
        return reply

    async def _worked_out(self, scope: Scope) -> Reply | None:
        """The answer to a request, made in threads; None where it is to go the long way."""
        asked = self._asked(scope)
        if asked is None:
            return None
        slot, now, told = self._slot(asked), self._clock(), dict(scope["headers"])
        refused = self._refused(slot, told, scope, now)
        if refused is not None:
            return refused
        try:
            await self._renew(slot, now)
        except Exception:
            # The long way meets it too, and says so.
            return None
        answer = slot.answer
        if answer is None:
            return None
        self._count(answer, told, scope)
        return _reply(answer, told, scope) or await self._made(slot, answer, told, scope)

    def _refused(self, slot: Slot, told: Told, scope: Scope, now: float) -> Reply | None:
        client = (_address(scope), told.get(b"user-agent"), slot.number)
        seconds = self._polling.wait(client, now=now)
        return refusal(seconds, self._extra) if seconds else None

    def _count(self, answer: Answer, told: Told, scope: Scope) -> None:
        if answer.uri is not None and scope["method"] == "GET":
            agent = told.get(b"user-agent", b"").decode("latin-1")
            self._note(answer.uri, _address(scope), agent, scope["path"])

    def _asked(self, scope: Scope) -> Asked | None:
        if scope["method"] not in {"GET", "HEAD"}:
            return None
        path, query = scope["raw_path"], scope["query_string"]
        if len(path) + len(query) > _LONGEST:
            return None
        try:
            return self._addresses.find(path, query)
        except BadRequest:
            return None

    def _slot(self, asked: Asked) -> Slot:
        slot = self._slots.get(asked)
        if slot is None:
            self._opened += 1
            slot = self._slots[asked] = Slot(asked, self._opened)
            self._weigh(slot)
        else:
            self._slots.move_to_end(asked)
        return slot

    async def _renew(self, slot: Slot, now: float) -> None:
        """Have the slot's answer be as of the last change."""
        as_of = self._freshness.at_hand(now)
        if as_of is None:
            as_of = await self._freshness.current(now)
        while slot.as_of < as_of:
            if slot.building is None or slot.building.done():
                slot.building = self._threads.submit(self._build, slot, as_of)
            await _in_thread(slot.building)
            self._weigh(slot)

    def _build(self, slot: Slot, as_of: int) -> None:
        answer = self._prepare(slot.asked)
        kept = slot.answer
        # What was made of the same feed before is not made again.
        if kept is None or answer is None or kept.built != answer.built:
            slot.answer = answer
        slot.as_of = as_of

    async def _made(self, slot: Slot, answer: Answer, told: Told, scope: Scope) -> Reply:
        """A difference if that is wanted and can be told, else the whole in a coding not made yet."""
        coding = _coding(answer, told)
        if _wants_difference(told):
            part = await _in_thread(self._threads.submit(self._differ, answer, _tags(scope), coding))
            if part is not None:
                return part
        making = slot.making.get((answer, coding))
        if making is None:
            making = slot.making[answer, coding] = self._threads.submit(answer.make, coding)
        made = await _in_thread(making)
        slot.making.pop((answer, coding), None)
        self._weigh(slot)
        return made

    def _weigh(self, slot: Slot) -> None:
        """Count what a slot holds, and let go of the least recently used beyond the limit."""
        if self._slots.get(slot.asked) is slot:
            size = _SLOT_BYTES + (slot.answer.size if slot.answer else 0)
            self._held += size - slot.size
            slot.size = size
        while self._held > self._memory:
            _, gone = self._slots.popitem(last=False)
            self._held -= gone.size


async def _in_thread(working: "Future[T]") -> T:
    """What a thread works out; who goes away meanwhile takes it from nobody else who waits."""
    return await asyncio.shield(asyncio.wrap_future(working))


def _reply(answer: Answer, told: Told, scope: Scope) -> Reply | None:
    """The answer in the coding that the client wants; None where it is yet to be made."""
    coding = _coding(answer, told)
    if _is_known(answer, coding, told, scope):
        return answer.known(coding)
    return None if _wants_difference(told) else answer.whole(coding)


def _coding(answer: Answer, told: Told) -> Coding:
    accepts = told.get(b"accept-encoding")
    coding = choose(None if accepts is None else accepts.decode("latin-1"))
    return coding if coding in answer.tags else "identity"


def _is_known(answer: Answer, coding: Coding, told: Told, scope: Scope) -> bool:
    none_match, since = told.get(b"if-none-match"), told.get(b"if-modified-since")
    if none_match is None and since is None:
        return False
    if none_match == answer.tags[coding] or (none_match is None and since == answer.last_modified):
        return True
    return answer.is_known(coding, _tags(scope), None if since is None else since.decode("latin-1"))


def _wants_difference(told: Told) -> bool:
    if b"a-im" not in told or b"if-none-match" not in told:
        return False
    agent = told.get(b"user-agent", b"")
    return wants_difference(told[b"a-im"].decode("latin-1"), agent.decode("latin-1"))


def _tags(scope: Scope) -> list[str]:
    return [value.decode("latin-1") for name, value in scope["headers"] if name == b"if-none-match"]


def _address(scope: Scope) -> str:
    client = scope.get("client")
    return client[0] if client else ""
