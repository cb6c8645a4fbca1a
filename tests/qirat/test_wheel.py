"""`make wheel`: the package in a fresh environment, a project of 300 foreign rows, its map, its set in other tools."""

import json
import os
import random
import shutil
import subprocess
import sys
import urllib.request
import venv
from pathlib import Path
from typing import Any

import pytest

from curation.harness.dvc import PACKAGES, stages
from tests.builders import ROOT
from tests.e2e.project import edit, environment, ran
from tests.training import tiny

pytestmark = pytest.mark.skipif("WHEEL" not in os.environ, reason="`make wheel` builds it, a minute and a half")


def git(folder: Path, *command: str) -> str:
    return subprocess.run(["git", *command], cwd=folder, capture_output=True, text=True, check=True).stdout


def installed(folder: Path) -> Path:
    """An environment with the wheel of the working tree, and what that requires from the one that runs the tests."""
    source, env, pip = (
        folder / "source",
        folder / "env",
        [sys.executable, "-m", "pip", "-q", "--disable-pip-version-check"],
    )
    tracked = git(
        ROOT, "ls-files", "-z", *PACKAGES, "qirat", ".dvc", "*.toml", "LICENSE", ":(glob)*.md", ":(glob)*.yaml"
    )
    for name in tracked.split("\0")[:-1]:
        (source / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, source / name, follow_symlinks=False)
    subprocess.run([*pip, "wheel", source, "--no-deps", "--no-build-isolation", "-w", folder], check=True)
    venv.create(env)
    home = next(env.glob("lib/python*/site-packages"))
    (home / "requirements.pth").write_text(str(Path(pytest.__file__).parents[1]), "utf-8")
    (wheel,) = folder.glob("*.whl")
    into = ["--python", env / "bin/python", "install", "--no-deps", "--no-compile", wheel]
    subprocess.run([*pip, *into], check=True)
    return env


def given(env: Path) -> dict[str, str]:
    """What a command finds: the programs of the environment, and no code but its own."""
    found = environment(ROOT) | {"PATH": f"{env / 'bin'}:{environment(ROOT)['PATH']}"}
    found.pop("PYTHONPATH")
    return found


def run(env: Path, folder: Path, *command: str) -> str:
    """A command of the environment, in the project; what it said."""
    done = subprocess.run(command, cwd=folder, env=given(env), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout + done.stderr


# A bicycle workshop, whose customers and mechanics say nothing twice in the same way.
BIKES = (
    "a city bike",
    "my old racer",
    "the blue folding bike",
    "a cargo bike",
    "my daughter's mountain bike",
    "an e-bike",
)
FAULTS = (
    ("the chain slips when I pedal hard uphill", "worn teeth on the rear cassette usually do that, so we measure both"),
    ("the front brake squeals in the rain", "the pads are glazed, we sand them and set their angle anew"),
    ("the rear wheel wobbles since I hit a kerb", "two spokes are loose, and truing takes about half an hour"),
    ("the gear lever jumps two cogs at once", "its cable has stretched, which a turn of the barrel cures"),
    ("a tyre loses its air overnight", "a thorn is often still in the rubber, we search before we patch"),
    ("the saddle sinks while I ride", "the clamp has lost its grip, and a new bolt holds it"),
    ("the lamp flickers on cobbles", "a wire at the dynamo is broken inside its skin, we solder it"),
)
WHENS = ("this weekend", "before my holiday", "on Tuesday evening", "as soon as there is room", "within the month")
ASKS = (
    "Could you look at it {when}?",
    "Is it worth a repair, and may I bring it {when}?",
    "Who would see to it {when}?",
)
ENDS = (
    "Bring the key of the lock, please.",
    "We ring you before we order any part.",
    "A loan bike stands ready for you.",
)
AR_BIKES = ("دراجة المدينة", "دراجتي القديمة", "الدراجة الزرقاء القابلة للطي", "دراجة ابنتي الجبلية", "دراجة الشحن")
AR_FAULTS = (
    ("تنزلق السلسلة كلما صعدت تلاً", "أسنان المسنن الخلفي متآكلة غالباً، ونحن نقيس الاثنين معاً"),
    ("يصفر المكبح الأمامي تحت المطر", "تلمّع سطح اللقم، فنصقلها ونضبط زاويتها من جديد"),
    ("تتأرجح العجلة الخلفية منذ صدمت الرصيف", "ارتخى سلكان من أسلاكها، وتقويمها يستغرق نصف ساعة"),
    ("يفرغ الإطار من الهواء كل ليلة", "كثيراً ما تبقى شوكة في المطاط، فنفتش عنها قبل الترقيع"),
    ("يهبط المقعد في أثناء القيادة", "فقد المشبك إحكامه، وبرغي جديد يثبته"),
)
AR_WHENS = ("نهاية هذا الأسبوع", "قبل إجازتي", "مساء الثلاثاء", "متى توفر مكان")
AR_ASKS = ("هل يمكنكم فحصها {when}؟", "هل تستحق الإصلاح، وهل أحضرها {when}؟", "من يتولى أمرها {when}؟")
AR_ENDS = ("أحضر مفتاح القفل من فضلك.", "نتصل بك قبل طلب أي قطعة.", "لدينا دراجة بديلة تنتظرك.")
SAID = {"en": (BIKES, FAULTS, WHENS, ASKS, ENDS), "ar": (AR_BIKES, AR_FAULTS, AR_WHENS, AR_ASKS, AR_ENDS)}
SENTENCES = {
    "en": ("{bike}: {fault}. {ask}", "Yes: {cure}. {end}"),
    "ar": ("{bike}: {fault}. {ask}", "نعم: {cure}. {end}"),
}
ROWS = 300
STEP = """
import sys
from datasets import load_from_disk
from transformers import AutoTokenizer
from trl import SFTConfig, SFTTrainer
rows = load_from_disk("out/set")["train"]
args = SFTConfig("trained", max_steps=1, report_to="none", use_cpu=True, bf16=False, save_strategy="no", max_length=256)
tokens = AutoTokenizer.from_pretrained("tiny")
done = SFTTrainer(model="tiny", args=args, train_dataset=rows, processing_class=tokens).train()
print(f"{rows.num_rows} rows, loss {done.training_loss:.3f}, {sys.prefix}")
"""


def workshop(n: int) -> dict[str, Any]:
    """The n-th conversation; every thirtieth gives itself away as a machine's."""
    draw = random.Random(n)
    language = "ar" if n % 3 == 0 else "en"
    bikes, faults, whens, asks, ends = SAID[language]
    turns = []
    for fault, cure in draw.sample(faults, draw.choice((1, 2, 2, 3))):
        said = {"bike": draw.choice(bikes), "fault": fault, "cure": cure, "end": draw.choice(ends)}
        said["ask"] = draw.choice(asks).format(when=draw.choice(whens))
        turns += [sentence.format(**said) for sentence in SENTENCES[language]]
    if n % 30 == 7:
        turns[-1] = "As an AI language model, I cannot look at your bike."
    roles = ("user", "assistant") * len(turns)
    return {"messages": [{"role": role, "content": text} for role, text in zip(roles, turns, strict=False)]}


def seen(env: Path, project: Path) -> None:
    """The map answers in both languages, and a row opens."""
    with subprocess.Popen(
        ["qirat", "explore"], cwd=project, env=given(env), stdout=subprocess.PIPE, text=True
    ) as running:
        assert running.stdout
        address = next(line.strip() for line in running.stdout if "http://" in line)
        for path, said in (("en/", "<html"), ("ar/", 'dir="rtl"'), ("en/row/0", "are masked"), ("en/map.json", "rows")):
            with urllib.request.urlopen(address + path) as page:
                assert said in page.read().decode(), path
        running.terminate()


def test_from_the_wheel_to_a_set_that_trains_elsewhere_and_an_upgrade_runs_again_what_it_changes(
    tmp_path: Path,
) -> None:
    env, project, last = installed(tmp_path), tmp_path / "ours", "gate"
    run(env, tmp_path, "qirat", "init", "ours")
    rows = "".join(json.dumps(workshop(n), ensure_ascii=False) + "\n" for n in range(ROWS))
    (project / "data/raw/chats.jsonl").write_text(rows, "utf-8")
    edit(project, "params.yaml", "min_clean: 1000", "min_clean: 50")
    edit(project, "params.yaml", "min_per_language: 100", "min_per_language: 10")
    first = ran(run(env, project, "dvc", "repro", last))
    assert first == [name for name in list(stages())[: list(stages()).index(last) + 1] if name != "audit"]
    assert f"{ROWS} raw = " in run(env, project, "qirat", "results")
    assert "of 10 rows" in run(env, project, "qirat", "why", "--code", "model_refusal")
    seen(env, project)
    run(env, project, "qirat", "publish", "out/set", "--licence", "cc0-1.0", "--yes")
    tiny.model().save_pretrained(project / "tiny")
    tiny.tokenizer().save_pretrained(project / "tiny")
    trained = run(env, project, "python", "-c", STEP)
    assert "loss " in trained
    assert str(env) in trained
    (code,) = env.glob("lib/python*/site-packages/curation")
    for name, new in (
        ("dedup/__main__.py", "print('another rule')"),
        ("ingest/__main__.py", "# what reads"),
        ("harness/stage.py", "print('another harness')"),
    ):
        text = (code / name).read_text("utf-8")
        (code / name).write_text(text.replace("\nimport", f"\n{new}\nimport", 1), "utf-8")
    (settings,) = env.glob("lib/python*/site-packages/qirat/project/params.yaml")
    settings.write_text(settings.read_text("utf-8").replace("  max_facts:", "  newest: 3\n  max_facts:"), "utf-8")
    told = run(env, project, "qirat", "upgrade")
    assert "other rules: dedup, audit." in told
    assert "new      gate.newest: 3\n" in told
    assert ran(run(env, project, "dvc", "repro", last)) == ["dedup"]  # whose tables came out the same
