"""scim2-server as its documentation embeds it, under uvicorn, a server that is made for load. Its own command serves one
request per connection, for tests.

python loaded.py PORT
"""

import sys

import uvicorn
from scim2_server.applications.asgi import ASGIApplication
from scim2_server.memory import AsyncInMemoryStorage
from scim2_server.utils import load_default_provider

# One process: what is in memory is in its memory.
application = ASGIApplication(AsyncInMemoryStorage(), load_default_provider())
uvicorn.run(application, port=int(sys.argv[1]), log_level="warning")
