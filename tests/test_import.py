import subprocess
import sys


def test_import_is_light_and_changes_no_configuration():
    code = (
        "import sklearn, sys; before = sklearn.get_config(); import skuowq; "
        "assert sklearn.get_config() == before; "
        "heavy = {'torch', 'cvxpy', 'skorch', 'ot', 'matplotlib'} & set(sys.modules); "
        "assert not heavy, heavy"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
