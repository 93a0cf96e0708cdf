"""Key files: private, whole, newest first; and a backup is one of them."""

from pathlib import Path

import pytest

from smtpguard.keys import Keyring, LinkKey, ReferenceKey
from smtpguard.store import keyfiles
from smtpguard.store.keyfiles import KeyFileError, load_ring, new_keys, read_file, write_file


def test_no_keys_until_asked_for(tmp_path: Path) -> None:
    assert load_ring(tmp_path / "keys") == Keyring()
    assert not (tmp_path / "keys").exists()


def test_the_first_keys_are_made_once(tmp_path: Path) -> None:
    home = tmp_path / "keys"
    ring = load_ring(home, create=True)
    assert (len(ring.references), len(ring.links)) == (1, 1)
    assert load_ring(home, create=True) == load_ring(home) == ring
    (file,) = home.iterdir()
    assert (home.stat().st_mode & 0o777, file.stat().st_mode & 0o777) == (0o700, 0o600)


def test_new_keys_stand_in_front(tmp_path: Path) -> None:
    ring = load_ring(tmp_path, create=True)
    for _ in range(3):
        ring = new_keys(tmp_path, ring, reference=True, link=True)
    assert load_ring(tmp_path) == ring
    assert [key.id for key in ring.links] == [4, 3, 2, 1]
    assert len({key.id for key in ring.references}) == 4
    ids = [key.id for key in ring.references]
    assert ids == sorted(ids, reverse=True)


def test_one_kind_alone(tmp_path: Path) -> None:
    first = load_ring(tmp_path, create=True)
    ring = new_keys(tmp_path, first, reference=False, link=True)
    assert ring.references == first.references
    assert len(ring.links) == 2


def test_link_keys_run_out_at_the_octet(tmp_path: Path) -> None:
    ring = Keyring((), (LinkKey(255, b"x" * 64),))
    with pytest.raises(KeyFileError, match="oldest"):
        new_keys(tmp_path, ring, reference=False, link=True)


def test_a_backup_restores_by_being_copied_back(tmp_path: Path) -> None:
    home, copy = tmp_path / "keys", tmp_path / "backup"
    ring = new_keys(home, load_ring(home, create=True), reference=True, link=True)
    write_file(copy, ring)
    assert read_file(copy) == ring
    for file in home.iterdir():
        file.unlink()
    (home / "restored.keys").write_bytes(copy.read_bytes())
    (home / "restored.keys").chmod(0o600)
    assert load_ring(home) == ring
    new_keys(home, ring, reference=True, link=False)
    assert load_ring(home).references[1:] == ring.references


def test_a_file_is_never_written_over(tmp_path: Path) -> None:
    write_file(tmp_path / "a.keys", Keyring())
    with pytest.raises(KeyFileError, match="never written over"):
        write_file(tmp_path / "a.keys", Keyring())


@pytest.mark.parametrize("mode", [0o604, 0o602, 0o620, 0o644])
def test_a_file_open_to_others_is_refused(tmp_path: Path, mode: int) -> None:
    load_ring(tmp_path, create=True)
    (file,) = tmp_path.iterdir()
    file.chmod(mode)
    with pytest.raises(KeyFileError, match="chmod 600"):
        load_ring(tmp_path)


def test_every_changed_octet_is_noticed(tmp_path: Path) -> None:
    file = tmp_path / "a.keys"
    write_file(file, Keyring((ReferenceKey("k1", b"1" * 32),)))
    whole = file.read_bytes()
    for at in range(len(whole) - 1):  # the last is the line end
        file.write_bytes(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :])
        with pytest.raises(KeyFileError):
            read_file(file)
    file.write_bytes(whole[:-10])
    with pytest.raises(KeyFileError, match="damaged or cut"):
        read_file(file)


def test_two_different_keys_of_one_name(tmp_path: Path) -> None:
    for name in ("a", "b"):
        write_file(tmp_path / f"{name}.keys", Keyring((ReferenceKey("k1", name.encode() * 32),)))
    with pytest.raises(KeyFileError, match="two different reference keys k1"):
        load_ring(tmp_path)


def test_ids_made_later_sort_later() -> None:
    assert [keyfiles._base36(n) for n in (35, 36, 1_700_000_000)] == ["z", "10", "s44we8"]


def test_a_missing_file_says_so(tmp_path: Path) -> None:
    with pytest.raises(KeyFileError, match="No such file"):
        read_file(tmp_path / "none")
