from __future__ import annotations

import stat
from pathlib import Path

import pytest

from chatlog.engine.store import Run
from chatlog.engine.userkey import UserKey, user_key
from chatlog.errors import ConfigError


@pytest.fixture
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.delenv("CHATLOG_USER_KEY")
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
    return tmp_path


def test_runs_of_one_operator_share_a_key_that_only_they_can_read(state: Path) -> None:
    one, two = user_key(Run(state / "one")), user_key(Run(state / "two"))
    assert one == two and len(one.secret) >= 32
    for path in (state / "one" / "user.key", state / "state" / "chatlog" / "user.key"):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_the_key_of_a_run_folder_stays_when_the_operator_s_is_lost(state: Path) -> None:
    before = user_key(Run(state / "one"))
    (state / "state" / "chatlog" / "user.key").unlink()
    assert user_key(Run(state / "one")) == before
    assert user_key(Run(state / "two")) != before


def test_without_a_state_folder_the_key_is_the_run_s_own(state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (state / "file").write_text("")
    monkeypatch.setenv("XDG_STATE_HOME", str(state / "file"))
    assert user_key(Run(state / "one")) != user_key(Run(state / "two"))
    assert user_key(Run(state / "one")) == user_key(Run(state / "one"))


def test_the_variable_comes_first_and_a_short_key_is_refused(state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CHATLOG_USER_KEY", "sixteen characters")
    assert user_key(Run(state / "one")).secret == b"sixteen characters"
    assert not (state / "one" / "user.key").exists()
    monkeypatch.setenv("CHATLOG_USER_KEY", "short-secret")
    with pytest.raises(ConfigError) as caught:
        user_key(Run(state / "one"))
    assert "short-secret" not in str(caught.value)


def test_hashes_depend_on_the_key_and_on_how_parts_are_cut() -> None:
    one, two = UserKey(b"a" * 16), UserKey(b"b" * 16)
    assert one.hash(b"user", b"x") != two.hash(b"user", b"x")
    assert one.hash(b"ab", b"c") != one.hash(b"a", b"bc")
    assert one.id != two.id and len(one.id) == 32
