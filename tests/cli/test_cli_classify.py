import json

from typer.testing import CliRunner

from douane.cli.main import app

KEYS = {"id", "level", "compartments", "reasons", "findings"}
FINDING = {"type", "start", "end", "confidence", "detector", "pointer"}


def classify(*arguments, text=None):
    return CliRunner().invoke(app, ["classify", *arguments], input=text)


def test_standard_input_is_classified_with_the_shipped_policy():
    result = classify(text="carte 4970 1012 3456 7893")
    found = json.loads(result.stdout)
    assert result.exit_code == 0
    assert set(found) >= KEYS
    assert (found["level"], found["compartments"]) == ("confidential", ["pci"])
    assert all(set(finding) >= FINDING for finding in found["findings"])


def test_a_file_is_classified_and_named(tmp_path):
    file = tmp_path / "body.json"
    file.write_text(json.dumps({"messages": [{"role": "user", "content": "N° SS 2 95 10 99 126 111 93"}]}))
    result = classify(str(file), "--json", "--no-meaning")
    found = json.loads(result.stdout)
    assert (result.exit_code, found["id"], found["level"]) == (0, str(file), "restricted")
    assert found["findings"][0]["pointer"] == "/messages/0/content"


def test_lines_give_lines_and_status_0_whatever_their_labels(tmp_path):
    file = tmp_path / "texts.jsonl"
    file.write_text('{"id": "a", "text": "TLP:CLEAR"}\n\n{"id": "c", "text": "TLP:RED"}\n')
    result = classify("--jsonl", str(file))
    lines = [json.loads(line) for line in result.stdout.splitlines()]
    assert (result.exit_code, [line["level"] for line in lines]) == (0, ["public", "restricted"])


def test_lines_that_can_not_be_read_end_with_2_after_the_last(tmp_path):
    file = tmp_path / "texts.jsonl"
    file.write_text('{"id": "a", "text": "TLP:CLEAR"}\nnonsense\n{"id": "c", "text": "TLP:RED"}\n')
    result = classify("--jsonl", str(file))
    lines = [json.loads(line) for line in result.stdout.splitlines()]
    assert result.exit_code == 2
    assert [(line["id"], line.get("level")) for line in lines] == [("a", "public"), (None, None), ("c", "restricted")]
    assert lines[2]["compartments"] == ["tlp-red"]


def test_what_can_not_be_opened_and_two_inputs_are_wrong_usage(shell, tmp_path):
    for wrong in ([str(tmp_path / "missing")], [str(tmp_path / "a"), "--jsonl", str(tmp_path / "b")]):
        status, out, err = shell("classify", *wrong, "--json")
        assert (status, json.loads(out)["error"]["code"]) == (2, "invalid_request")
        assert "Rule: " in err
        assert "Fix: " in err


def test_the_policy_of_a_configuration_counts(tmp_path):
    config = tmp_path / "douane.toml"
    config.write_text('[policy.map]\nEMAIL = "restricted"\n')
    result = classify("--config", str(config), text="jean@exemple.fr")
    assert json.loads(result.stdout)["level"] == "restricted"
