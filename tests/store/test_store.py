"""The store against a real Valkey: what is recorded is found, and by nobody else."""

import asyncio

import pytest
from conftest import RING, address, plain
