"""Manual pages from the tree of commands, the systemd unit, the comparisons."""

from __future__ import annotations

from pathlib import Path

import pytest

from bossa.admin.errors import Failure
from bossa.cli import bench, install, man
from bossa.cli.app import NOUNS, tree


def test_every_command_has_a_page_from_its_help(tmp_path: Path) -> None:
    pages = {path.name for path in man.write_pages(tree(), tmp_path / "man1")}
    assert {"bossa.1", "bossa-up.1", "bossa-install-service.1", "bossa-policy-add.1"} <= pages
    assert {f"bossa-{noun}.1" for noun in NOUNS} <= pages
    page = (tmp_path / "man1" / "bossa-zone-import.1").read_text()
    assert "Make a zone of a master file, whole or not at all." in page
    assert "\\fB\\-\\-replace\\fR" in page
    assert ".SH EXIT STATUS" in page


def test_every_command_but_the_workshops_takes_data() -> None:
    missing = {
        "-".join(words)
        for words, page in man.pages(tree())
        if "\\-\\-data DIR" not in page and ".SH COMMANDS" not in page
    }
    assert missing == {"bossa-test", "bossa-bench", "bossa-man", "bossa-completion", "bossa-install-service"}


@pytest.mark.parametrize(("text", "roff"), [("a-b", "a\\-b"), (".x", "\\&.x"), ("'x", "\\&'x"), ("\\n", "\\en")])
def test_what_troff_would_take_for_its_own_is_escaped(text: str, roff: str) -> None:
    assert man._roff(text) == roff


def test_the_unit_is_confined_and_has_the_real_ports() -> None:
    lines = install.unit("/opt/bossa/.venv/bin/python").splitlines()
    for line in (
        "Type=notify",
        "ExecStart=/opt/bossa/.venv/bin/python -m bossa.cli up --data /var/lib/bossa --port-base 0",
        "DynamicUser=yes",
        "AmbientCapabilities=CAP_NET_BIND_SERVICE",
        "StateDirectory=bossa",
        "NoNewPrivileges=yes",
        "ProtectSystem=strict",
        "ProtectHome=yes",
    ):
        assert line in lines


def test_a_checkout_at_home_stays_readable_and_its_path_is_quoted() -> None:
    text = install.unit("/home/me/my $x 100%/python")
    assert "ProtectHome=read-only" in text
    assert 'ExecStart="/home/me/my $$x 100%%/python" -m' in text


def test_install_service_is_for_root_and_names_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(install.os, "geteuid", lambda: 1000)
    monkeypatch.setattr(install.Path, "is_dir", lambda self: True)
    with pytest.raises(Failure, match="only root") as e:
        install._may_install("--uninstall")
    assert e.value.fix.startswith("sudo ")
    assert e.value.fix.endswith("install-service --uninstall")


def test_a_comparison_gets_the_rest_of_the_words(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "_shared.py").write_text("ANSWER = 5\n")
    (tmp_path / "one.py").write_text(
        '"""What it compares.\n\nMore."""\nfrom _shared import ANSWER\ndef main(rest): return ANSWER + len(rest)\n'
    )
    monkeypatch.setattr(bench, "BENCH", tmp_path)
    assert bench.run_bench("one", ["-n", "3"]) == 7
    with pytest.raises(Failure, match="did you mean one"):
        bench.run_bench("onne", [])


def test_the_comparisons_are_listed_with_their_first_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "one.py").write_text('"""What it compares."""\n')
    monkeypatch.setattr(bench, "BENCH", tmp_path)
    assert bench.run_bench("", []) == 0
    assert capsys.readouterr().out.split(maxsplit=1) == ["one", "What it compares.\n"]
