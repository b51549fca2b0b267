"""The examiner: checks a rendered night against each clause of docs/never-startle.md."""
