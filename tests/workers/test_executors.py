"""Every executor gives the same for the same work; a worker that dies takes only its item with it."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from workers.works import NumberedWork, Work

from aufait.errors import InputError, MissingExtraError, OutputError
from aufait.workers.contract import Executor
from aufait.workers.executor import executor_for
from aufait.workers.processes import Processes
from aufait.workers.serial import Serial

KINDS = {"serial": Serial(), "processes": Processes(2)}


@pytest.fixture(params=KINDS)
def executor(request: pytest.FixtureRequest) -> Executor:
    return KINDS[request.param]


def test_each_item_gives_its_value_and_messages_arrive(executor: Executor, tmp_path: Path) -> None:
    messages = []
    items = [f"double {letter}" for letter in "abcdef"]
    done = list(executor.map(Work(tmp_path), items, lambda index, text: messages.append((index, text))))
    assert {one.index: one.value for one in done} == {index: letter * 2 for index, letter in enumerate("abcdef")}
    assert sorted(messages) == [(index, f"doing {letter}") for index, letter in enumerate("abcdef")]
    assert not any(one.died for one in done)


def test_tools_are_made_once_per_worker(executor: Executor, tmp_path: Path) -> None:
    list(executor.map(Work(tmp_path), [f"double {number}" for number in range(8)]))
    begun = list(tmp_path.glob("begun_*"))
    assert 1 <= len(begun) <= executor.workers
    assert all(file.read_text() == "begin\n" for file in begun)


def test_nothing_to_do_makes_no_tools(executor: Executor, tmp_path: Path) -> None:
    assert list(executor.map(Work(tmp_path), [])) == [] and not list(tmp_path.iterdir())


def test_an_error_ends_the_work_and_arrives_as_it_was(executor: Executor, tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="disc is full"):
        list(executor.map(Work(tmp_path), ["double a", "fail the disc is full", "double b"]))
    with pytest.raises(MissingExtraError) as caught:
        list(executor.map(Work(tmp_path), ["lack wings"]))
    assert (caught.value.feature, caught.value.extra) == ("flying", "wings")


def test_work_is_spread_over_processes(tmp_path: Path) -> None:
    values = {one.value for one in Processes(2).map(Work(tmp_path), ["process"] * 4)}
    assert len(values) == 2 and str(os.getpid()) not in values


def test_what_cannot_be_sent_is_told_in_words(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="Local: odd"):
        list(Processes(2).map(Work(tmp_path), ["strange odd"]))
    with pytest.raises(RuntimeError, match="while sending a value"):
        list(Processes(2).map(Work(tmp_path), ["unsendable x"]))


def test_an_item_whose_worker_dies_is_tried_again(tmp_path: Path) -> None:
    done = list(Processes(2).map(Work(tmp_path), ["die 1", *["double a"] * 5]))
    assert sorted(str(one.value) for one in done) == ["aa"] * 5 + ["alive"]


def test_an_item_that_kills_every_worker_is_told_and_the_others_are_done(tmp_path: Path) -> None:
    done = {one.index: one for one in Processes(2).map(Work(tmp_path), ["die 99", *["double a"] * 5])}
    assert len(done) == 6 and done[0].value is None
    assert "by signal 9, as happens when memory runs out; tried 2 times" in done[0].died
    assert [done[index].value for index in range(1, 6)] == ["aa"] * 5


def test_a_worker_whose_memory_runs_out_is_replaced_like_one_that_the_system_ended(tmp_path: Path) -> None:
    done = list(Processes(2).map(Work(tmp_path), ["starve 1", *["double a"] * 5]))
    assert sorted(str(one.value) for one in done) == ["aa"] * 5 + ["fed"]
    done = list(Processes(1).map(Work(tmp_path), ["starve 99", "double a"]))
    assert {one.value for one in done} == {None, "aa"}
    assert "ended as its memory ran out; tried 2 times" in next(one.died for one in done if one.value is None)


def test_each_process_has_a_number_and_who_takes_its_place_has_it_too(tmp_path: Path) -> None:
    assert {one.value for one in Processes(2).map(NumberedWork(tmp_path), ["number"] * 6)} == {"0", "1"}
    assert [one.value for one in Processes(1).map(NumberedWork(tmp_path), ["die 1"])] == ["alive 0"]


def test_who_stops_listening_interrupts_the_workers(tmp_path: Path) -> None:
    started = time.monotonic()
    results = Processes(2).map(Work(tmp_path), ["double a", "wait 60"], lambda index, text: None)
    assert next(results).value == "aa"
    time.sleep(0.5)
    results.close()
    assert (tmp_path / "tidied").exists() and time.monotonic() - started < 20


def test_workers_end_with_the_process_that_started_them(tmp_path: Path) -> None:
    code = (
        "import sys; sys.path.insert(0, sys.argv[2])\n"
        "from pathlib import Path\nfrom aufait.workers.processes import Processes\nfrom workers.works import Work\n"
        "if __name__ == '__main__':\n"
        "    list(Processes(1).map(Work(Path(sys.argv[1])), ['wait 60'], lambda i, t: print('begun', flush=True)))\n"
    )
    script = tmp_path / "run.py"
    script.write_text(code)
    command = [sys.executable, str(script), str(tmp_path), str(Path(__file__).parents[1])]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None and parent.stdout.readline() == b"begun\n"
        (worker,) = (int(path.name.removeprefix("begun_")) for path in tmp_path.glob("begun_*"))
        parent.kill()
    until = time.monotonic() + 10
    while Path(f"/proc/{worker}").exists() and time.monotonic() < until:
        time.sleep(0.05)
    assert not Path(f"/proc/{worker}").exists()


@pytest.mark.parametrize("text", ["0", "-1", "many", "", "99999", "1.5"])
def test_numbers_of_workers_that_make_no_sense_are_refused(text: str) -> None:
    with pytest.raises(InputError, match=r"workers are a number from 1 to 1024, ray, or ray://HOST:PORT"):
        executor_for(text)


def test_words_choose_the_executor() -> None:
    assert isinstance(executor_for("1"), Serial)
    assert isinstance(executor_for(3), Processes) and executor_for("3").workers == 3
