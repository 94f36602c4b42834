"""Commands from the broker: parsed, checked, done once, answered. Every byte of them is checked."""

import json

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

KINDS = ("swap", "unlock", "disable", "enable", "clear")
NEED_SLOT = ("unlock", "disable", "enable")
FIELDS = ("id", "kind", "slot", "token", "expires")
MAX_BYTES = 512
MAX_SLOT = 255
_KEPT = 10
_NAME = "commands"
_ID_CHARACTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.:"


def _is_int(value: object, low: int, high: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and low <= value <= high


def _is_word(value: object, longest: int) -> bool:
    if not isinstance(value, str) or not 0 < len(value) <= longest:
        return False
    return all(character in _ID_CHARACTERS for character in value)


def _strict(text: str, fields: int) -> bool:
    """Whether the text is a flat JSON object of `fields` fields and nothing else: MicroPython's parser takes commas for colons, lets
    values be left out, and of a field that stands there twice takes one. No field needs an escape sequence.
    """
    bare = "S".join(text.split('"')[::2]).strip(" \t\r\n")
    if "\\" in text or bare[:1] != "{" or bare[-1:] != "}":
        return False
    pairs = bare[1:-1].split(",")
    for pair in pairs:
        name, _, value = pair.partition(":")
        value = value.strip(" \t\r\n")
        if name.strip(" \t\r\n") != "S" or (value not in ("S", "null", "0") and (not value.isdigit() or value[0] == "0")):
            return False
    return len(pairs) == fields


def parse(payload: bytes) -> "tuple[dict | None, str]":
    """(command, "") or (what is known of it or None, reason code). Never raises, whatever the bytes are."""
    if len(payload) > MAX_BYTES:
        return None, "too_long"
    try:
        text = str(payload, "utf-8")
        command = json.loads(text)
    except (ValueError, UnicodeError, RuntimeError, MemoryError):  # RuntimeError: nested too deeply
        return None, "malformed"
    if not isinstance(command, dict):
        return None, "malformed"
    identity = command.get("id")
    if not _is_word(identity, 36):
        return None, "bad_id"
    known = {"id": identity}
    kind = command.get("kind")
    if not isinstance(kind, str) or kind not in KINDS:
        return known, "bad_kind"
    known["kind"] = kind
    for name in command:
        if name not in FIELDS:
            return known, "unknown_field"  # a restriction that this firmware does not know must not be ignored
    slot = command.get("slot")
    if slot is None:
        if kind in NEED_SLOT:
            return known, "no_slot"
    elif not _is_int(slot, 1, MAX_SLOT):
        return known, "bad_slot"
    if command.get("token") is not None and not _is_word(command["token"], 64):
        return known, "bad_token"
    if command.get("expires") is not None and not _is_int(command["expires"], 1, 0xFFFFFFFF):
        return known, "bad_expires"
    if not _strict(text, len(command)):
        return known, "malformed"
    return command, ""


class CommandDesk:
    """Hands each command to `on_command` once and remembers the answers to the last ones by id; the last accepted ones over a reset."""

    def __init__(self, clock, on_command, remembered: int = 32, store: "Any" = None) -> None:
        self._clock = clock
        self._store = store  # the state store
        self._on_command = on_command
        self._remembered = remembered
        self._answers = []  # (id, accepted, reason), oldest first
        self.refused = 0
        for identity in ((store.get(_NAME) if store else None) or b"").split():
            self.remember(identity.decode(), True, "")

    def remember(self, identity: str, accepted: bool, reason: str) -> None:
        """A command that was answered before, also before a reset: the same id is not carried out again."""
        if len(self._answers) >= self._remembered:
            self._answers.pop(0)
        self._answers.append((identity, accepted, reason))

    def handle(self, payload: bytes, retained: bool) -> dict:
        """Carry out what may be carried out; returns the result to publish."""
        command, reason = parse(payload)
        accepted = repeated = False
        if retained:
            reason = "retained"  # would be carried out again after every reconnect
        if command and not reason:
            for answer in self._answers:
                if answer[0] == command["id"]:
                    repeated, accepted, reason = True, answer[1], answer[2]
                    break
            else:
                accepted, reason = self._carry_out(command)
                self.remember(command["id"], accepted, reason)
                if accepted and self._store:
                    self._keep()
        if not accepted:
            self.refused += 1
        result = {"v": 1, "id": None, "accepted": accepted, "reason": reason, "time": self._clock.wall_s() or None}
        if command:
            result["id"] = command["id"]
            if "kind" in command:
                result["kind"] = command["kind"]
        if repeated:
            result["repeated"] = True
        return result

    def _keep(self) -> None:
        """Store the newest accepted ids, before the control round acts on the last of them."""
        identities = [answer[0] for answer in self._answers if answer[1]]
        try:
            self._store.put(_NAME, " ".join(identities[-_KEPT:]).encode())
        except Exception as error:  # no room, or the flash failed: costs the memory of it at the next reset
            print("uplink: command id not stored:", repr(error))

    def _carry_out(self, command: dict) -> "tuple[bool, str]":
        expires = command.get("expires")
        now_s = self._clock.wall_s()
        if expires is not None and now_s and expires < now_s:
            return False, "expired"
        if self._on_command is None:
            return False, "not_supported"
        try:
            accepted, reason = self._on_command(command)
        except Exception as error:
            print("uplink: command failed:", repr(error))
            return False, "failed"
        return bool(accepted), str(reason)
