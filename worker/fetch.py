"""The child process that copies one version's files from MLflow into a folder.

MLflow knows every artefact store, and costs 1.3 s and 110 MB to import; here both end with the child. Run as
a file, ``python -P fetch.py NAME VERSION FOLDER``, so it imports nothing of ours.
"""

import sys


def main() -> None:
    """Copy the version's files."""
    name, version, folder = sys.argv[1:]
    import mlflow

    try:
        mlflow.artifacts.download_artifacts(artifact_uri=f"models:/{name}/{version}", dst_path=folder)
    except mlflow.MlflowException as error:
        # Its messages go on for lines; the parent logs the last one.
        sys.exit(str(error).partition("\n")[0])


if __name__ == "__main__":
    main()
