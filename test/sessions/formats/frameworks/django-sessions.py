"""Django's own sessions and people, in a database in memory.

Reads one JSON object from stdin, {"secret", "fallbacks", "password", "do": "login" | "visit", ...}, and answers in JSON:
login: {"cookie", "stored", "expires"}, as login() has made them for the person with id 7;
visit: {"person", "data"}, who request.user is to a browser with this cookie when this row is stored.
"""
import datetime
import json
import sys

import django
from django.conf import settings
from django.http import JsonResponse
from django.urls import path

asked = json.load(sys.stdin)


def who(request):
    user = request.user
    return JsonResponse({"person": str(user.pk) if user.is_authenticated else None, "data": dict(request.session)})


def sign_in(request):
    from django.contrib.auth import login
    from django.contrib.auth.models import User

    login(request, User.objects.get(pk=7), backend="django.contrib.auth.backends.ModelBackend")
    request.session.update(asked.get("data", {}))
    return JsonResponse({})


urlpatterns = [path("", who), path("login", sign_in)]
settings.configure(
    SECRET_KEY=asked["secret"],
    SECRET_KEY_FALLBACKS=asked.get("fallbacks", []),
    ALLOWED_HOSTS=["testserver"],
    ROOT_URLCONF=__name__,
    USE_TZ=True,
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}},
    INSTALLED_APPS=["django.contrib.auth", "django.contrib.contenttypes", "django.contrib.sessions"],
    MIDDLEWARE=[
        "django.contrib.sessions.middleware.SessionMiddleware",
        "django.contrib.auth.middleware.AuthenticationMiddleware",
    ],
)
django.setup()

from django.contrib.auth.models import User  # noqa: E402
from django.contrib.sessions.models import Session  # noqa: E402
from django.core.management import call_command  # noqa: E402
from django.test import Client  # noqa: E402

call_command("migrate", verbosity=0, run_syncdb=True)
User.objects.create(pk=7, username="alice", password=asked["password"])
client = Client()
if asked["do"] == "login":
    client.get("/login")
    row = Session.objects.get()
    answer = {
        "cookie": client.cookies["sessionid"].value,
        "stored": row.session_data,
        "expires": int(row.expire_date.timestamp()),
    }
else:
    tomorrow = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(days=1)
    Session.objects.create(session_key=asked["key"], session_data=asked["stored"], expire_date=tomorrow)
    client.cookies["sessionid"] = asked["cookie"]
    answer = client.get("/").json()
json.dump(answer, sys.stdout)
