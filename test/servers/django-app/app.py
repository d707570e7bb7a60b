"""A Django app in one file, as an old shop may be: its own users, its own sessions in their table, and no standards.

Settings come from the environment: DATABASE_URL parts (PGHOST …), SECRET_KEY, PORT, PEOPLE (JSON).
"""

import json
import os
import sys
import time
from socketserver import ThreadingMixIn
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

import django
from django.conf import settings

settings.configure(
    DEBUG=False,
    SECRET_KEY=os.environ["SECRET_KEY"],
    ALLOWED_HOSTS=["*"],
    ROOT_URLCONF=__name__,
    INSTALLED_APPS=["django.contrib.contenttypes", "django.contrib.auth", "django.contrib.sessions"],
    MIDDLEWARE=[
        "django.contrib.sessions.middleware.SessionMiddleware",
        "django.contrib.auth.middleware.AuthenticationMiddleware",
    ],
    DATABASES={
        "default": {
            "ENGINE": "django.db.backends.postgresql",
            "HOST": os.environ["PGHOST"],
            "PORT": os.environ["PGPORT"],
            "USER": os.environ["PGUSER"],
            "PASSWORD": os.environ["PGPASSWORD"],
            "NAME": os.environ["PGDATABASE"],
        }
    },
    PASSWORD_HASHERS=["__main__.QuickHasher"],
    DEFAULT_AUTO_FIELD="django.db.models.AutoField",
    USE_TZ=True,
)
django.setup()

from django.contrib.auth import authenticate, get_user_model, login, logout  # noqa: E402
from django.contrib.auth.hashers import PBKDF2PasswordHasher  # noqa: E402
from django.core.management import call_command  # noqa: E402
from django.http import JsonResponse  # noqa: E402
from django.urls import path  # noqa: E402


class QuickHasher(PBKDF2PasswordHasher):
    """The usual one, with fewer rounds: many people log in while the tests run."""

    iterations = 2000


def log_in(request):
    user = authenticate(request, username=request.POST["username"], password=request.POST["password"])
    if user is None:
        return JsonResponse({"error": "wrong"}, status=401)
    login(request, user)
    request.session["logged_in_at"] = int(time.time()) - int(request.POST.get("ago", "0"))
    return JsonResponse({"id": user.pk})


def who_am_i(request):
    if not request.user.is_authenticated:
        return JsonResponse({"error": "nobody"}, status=403)
    request.session["last_seen"] = int(time.time())
    return JsonResponse({"id": request.user.pk, "username": request.user.username})


def log_out(request):
    logout(request)
    return JsonResponse({})


def change_password(request):
    user = get_user_model().objects.get(username=request.POST["username"])
    user.set_password(request.POST["password"])
    user.save()
    return JsonResponse({})


def set_active(request):
    get_user_model().objects.filter(username=request.POST["username"]).update(
        is_active=request.POST["active"] == "yes"
    )
    return JsonResponse({})


urlpatterns = [
    path("login", log_in),
    path("whoami", who_am_i),
    path("logout", log_out),
    path("password", change_password),
    path("active", set_active),
]


class Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True
    request_queue_size = 64


class Quiet(WSGIRequestHandler):
    def log_message(self, *_):
        pass


if __name__ == "__main__":
    call_command("migrate", verbosity=0)
    for person in json.loads(os.environ["PEOPLE"]):
        get_user_model().objects.create_user(
            id=person["id"],
            username=person["username"],
            email=person["email"],
            password=person["password"],
            first_name=person["givenName"],
            last_name=person["familyName"],
        )
    from django.core.wsgi import get_wsgi_application

    server = make_server("127.0.0.1", int(os.environ["PORT"]), get_wsgi_application(), Server, Quiet)
    print("ready", flush=True)
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        sys.exit(0)
