#!/usr/bin/env python3
"""mkusers.py COUNT FOLDER [DOMAIN] : the users of a bench, as CSV for SIPp and as SQLite for Kamailio.
Users are u000000…, passwords pw000000…; callees are drawn at random, the same on every run."""
import hashlib, os, random, sqlite3, sys

count, folder = int(sys.argv[1]), sys.argv[2]
domain = sys.argv[3] if len(sys.argv) > 3 else "bench.test"
drawn = random.Random(1)


def user(i):
    return f"u{i:06}"


def credentials(i):
    return f"[authentication username={user(i)} password=pw{i:06}]"


os.makedirs(folder, exist_ok=True)
with open(f"{folder}/register.csv", "w") as out:
    out.write("SEQUENTIAL\n" + "".join(f"{user(i)};{credentials(i)};\n" for i in range(count)))
with open(f"{folder}/call.csv", "w") as out:
    out.write("SEQUENTIAL\n" + "".join(f"{user(i)};{credentials(i)};{user(drawn.randrange(count))};\n" for i in range(count)))

path = f"{folder}/users.sqlite"
if os.path.exists(path):
    os.unlink(path)
database = sqlite3.connect(path)
database.executescript("""
create table version(table_name varchar(32) not null, table_version integer default 0 not null);
insert into version values('ha1', 2);
create table ha1(id integer primary key, key_name varchar(64), key_type integer default 0, value_type integer default 0,
                 key_value varchar(128), expires integer default 0);
""")
database.executemany("insert into ha1(key_name, key_value) values(?, ?)",
                     [(user(i), hashlib.md5(f"{user(i)}:{domain}:pw{i:06}".encode()).hexdigest()) for i in range(count)])
database.commit()
