"""The progress bar: what a terminal shows, and what a log does."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import signal
import struct
import subprocess
import sys
import termios
import time
from pathlib import Path

import pytest

import odyssey

PROGRAM = """
import sys, time
import odyssey as od
from odyssey.data import DataLoader, datasets
from odyssey.training import Trainer, metrics, optimizers
from odyssey.training.callbacks import EarlyStopping, LambdaCallback, ModelCheckpoint, ProgressBar

quiet, slow, patience = sys.argv[1] == "quiet", float(sys.argv[2]), int(sys.argv[3])
folder = sys.argv[4:]
od.set_num_threads(1)
od.manual_seed(0)
model = od.models.mlp((1, 8, 8), 10)
trainer = Trainer(
    model,
    optimizers.Adam(model.parameters(), lr=0.02),
    metrics={"accuracy": metrics.Accuracy()},
    callbacks=[
        LambdaCallback(on_step_end=lambda trainer, loss: time.sleep(slow)),
        EarlyStopping("val_loss", patience=patience, min_delta=0.5),
        ProgressBar(quiet=quiet),
        *[ModelCheckpoint(one) for one in folder],
    ],
)
trainer.fit(
    DataLoader(datasets.Digits("train"), 64, shuffle=True),
    DataLoader(datasets.Digits("test"), 256),
    epochs=3,
    resume="last" if folder else None,
)
"""

FIGURES = r"loss \d\.\d{{4}}  accuracy \d+\.\d\d%"
LINE = rf"epoch {{}}/3  train {FIGURES}  val {FIGURES}  \d+(\.\d s| ms)"


def environment(**more):
    kept = {k: v for k, v in os.environ.items() if k != "NO_COLOR" and not k.startswith("TQDM_")}
    path = str(Path(odyssey.__file__).parents[1])
    return {**kept, "PYTHONPATH": path, "TERM": "xterm-256color", **more}


def in_terminal(*arguments, interrupt=None, **more):
    """Run the program in a terminal of its own; return all that it wrote, and its exit code.

    `interrupt` is a text upon which Ctrl-C is pressed.
    """
    main, other = pty.openpty()
    fcntl.ioctl(other, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 100, 0, 0))
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, *map(str, arguments)],
        stdin=other, stdout=other, stderr=other, env=environment(**more), start_new_session=True,
    )  # fmt: skip
    os.close(other)
    written = b""
    end = time.monotonic() + 100
    while time.monotonic() < end:
        try:
            some = os.read(main, 4096)
        except OSError:  # the other end is closed
            break
        if not some:
            break
        written += some
        if interrupt is not None and interrupt in written.decode(errors="replace"):
            process.send_signal(signal.SIGINT)
            interrupt = None
    os.close(main)
    return written.decode(), process.wait(timeout=20)


def screen(written):
    """Return the lines that stand on the screen in the end, colours left out."""
    lines, column = [""], 0
    for part in re.split(r"(\r|\n|\x1b\[A|\x1b\[\d*m)", written):
        if part == "\r":
            column = 0
        elif part == "\n":
            lines.append("")
            column = 0
        elif not part.startswith("\x1b"):
            lines[-1] = lines[-1][:column] + part + lines[-1][column + len(part) :]
            column += len(part)
    return [line.rstrip() for line in lines if line.strip()]


def test_a_terminal_has_a_bar_and_in_the_end_a_line_an_epoch():
    written, code = in_terminal("loud", 0.03, 9)
    shown = screen(written)
    assert code == 0 and len(shown) == 3
    for epoch, line in enumerate(shown, 1):
        assert re.fullmatch(LINE.format(epoch), line), line
    assert re.search(r"epoch 2/3: +\d+%\|.*\| \d+/23 \[.*loss=\d\.\d{4}\]", written)
    assert "23/23" in written and "measuring" in written
    assert "\x1b[36m" in written  # cyan


def test_no_colour_if_it_is_not_wanted():
    written, _ = in_terminal("loud", 0.0, 9, NO_COLOR="1")
    assert "\x1b[3" not in written and len(screen(written)) == 3


def test_early_stopping_is_told():
    written, code = in_terminal("loud", 0.0, 1)
    assert code == 0
    assert re.fullmatch(
        r"stopped after step \d+: val_loss has not improved for 1 epochs?: "
        r"the best was 0\.\d+ in epoch \d",
        screen(written)[-1],
    )


def test_ctrl_c_is_told_and_a_resumed_bar_goes_on(tmp_path):
    written, code = in_terminal("loud", 0.05, 9, tmp_path / "run", interrupt="loss=")
    shown = screen(written)
    assert code == 0 and re.fullmatch(r"stopped after step \d+: SIGINT", shown[-1])
    step = int(shown[-1].split()[3][:-1])
    assert 0 < step < 23
    written, code = in_terminal("loud", 0.02, 9, tmp_path / "run")
    assert code == 0 and re.fullmatch(LINE.format(1), screen(written)[0])
    assert re.search(rf"\b{step}/23 \[", written), written[:300]


@pytest.mark.parametrize("how", ["loud", "quiet"])
def test_a_log_has_lines_alone_and_quiet_is_quiet(how):
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, how, "0", "9"],
        capture_output=True, text=True, env=environment(), timeout=100, check=True,
    )  # fmt: skip
    lines = done.stderr.splitlines()
    assert done.stdout == "" and len(lines) == (3 if how == "loud" else 0)
    for epoch, line in enumerate(lines, 1):
        assert re.fullmatch(LINE.format(epoch), line), line
