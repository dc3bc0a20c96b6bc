"""German."""

from __future__ import annotations

from typing import Final

GERMAN: Final = {
    # buttons
    ("Operator", "Reconstruct Hands"): "Hände rekonstruieren",
    ("Operator", "Cancel"): "Abbrechen",
    ("Operator", "Import Take..."): "Take importieren...",
    ("Operator", "Import What Is Done"): "Fertige Bilder importieren",
    ("Operator", "Open Preferences"): "Einstellungen öffnen",
    ("Operator", "Use Active Clip/Image"): "Aktiven Clip/Bild verwenden",
    ("Operator", "Draw Hand Box"): "Rahmen um Hand zeichnen",
    ("Operator", "Right Hand"): "Rechte Hand",
    ("Operator", "Left Hand"): "Linke Hand",
    ("Operator", "Go to Frame of Box"): "Zum Bild des Rahmens gehen",
    ("Operator", "Remove Box"): "Rahmen entfernen",
    ("Operator", "Clear Boxes"): "Alle Rahmen entfernen",
    ("Operator", "Show Overlay"): "Überlagerung zeigen",
    ("Operator", "Re-apply Smoothing"): "Glättung neu anwenden",
    ("Operator", "Remove"): "Entfernen",
    ("Operator", "Export FBX..."): "FBX exportieren...",
    ("Operator", "Add Pose Library"): "Posenbibliothek hinzufügen",
    # panels
    ("*", "Reconstruct"): "Rekonstruktion",
    ("*", "Frame Range"): "Bildbereich",
    ("*", "Boxes"): "Rahmen",
    ("*", "Hand Boxes"): "Rahmen um Hände",
    ("*", "Camera"): "Kamera",
    ("*", "Engine"): "Verfahren",
    ("*", "Hands"): "Hände",
    ("*", "Hands in This Scene"): "Hände in dieser Szene",
    ("*", "Hand Reconstruction Presets"): "Vorgaben der Rekonstruktion",
    # settings
    ("*", "Input"): "Eingabe",
    ("*", "Image Sequence"): "Bildsequenz",
    ("*", "Frame Rate"): "Bildrate",
    ("*", "Take"): "Take",
    ("*", "Start"): "Anfang",
    ("*", "End"): "Ende",
    ("*", "Step"): "Schritt",
    ("*", "Focal Length"): "Brennweite",
    ("*", "35 mm Equivalent"): "Kleinbildäquivalent",
    ("*", "Limit Joints"): "Gelenke begrenzen",
    ("*", "Skin"): "Haut",
    ("*", "Smoothing"): "Glättung",
    ("*", "Hand Model"): "Handmodell",
    ("*", "Device"): "Gerät",
    ("*", "Hand Shape"): "Handform",
    ("*", "Shape Take"): "Take mit der Form",
    # choices
    ("*", "Automatic"): "Automatisch",
    ("*", "Scene Camera"): "Szenenkamera",
    ("*", "Manual"): "Von Hand",
    ("*", "Landmarks"): "Landmarken",
    ("*", "Two Hands"): "Zwei Hände",
    ("*", "Open Hand"): "Offene Hand",
    ("*", "One for Both Hands"): "Eine für beide Hände",
    ("*", "One for Each Hand"): "Eine je Hand",
    ("*", "From Another Take"): "Aus einem anderen Take",
    ("*", "Right Hand"): "Rechte Hand",
    ("*", "Left Hand"): "Linke Hand",
    ("*", "Right"): "Rechts",
    ("*", "Left"): "Links",
    ("*", "Light"): "Hell",
    ("*", "Medium"): "Mittel",
    ("*", "Dark"): "Dunkel",
    # sentences
    ("*", "Locked while hands are reconstructed"): "Gesperrt, solange Hände rekonstruiert werden",
    ("*", "All frames are reconstructed"): "Alle Bilder werden rekonstruiert",
    ("*", "InterShape says the shape of each hand itself"): "InterShape bestimmt die Form jeder Hand selbst",
    (
        "*",
        "For hands that are not found, or taken for the wrong side: the hand is followed from its box on",
    ): "Für Hände, die nicht oder auf der falschen Seite gefunden werden: ab ihrem Rahmen wird die Hand verfolgt",
    (
        "*",
        "InterShape needs its authors' network: import snapshot_99.pth.tar in the add-on's preferences",
    ): "InterShape braucht das Netz seiner Autoren: snapshot_99.pth.tar in den Einstellungen des Add-ons importieren",
    (
        "*",
        "MANO needs its files: import mano_v1_2.zip in the add-on's preferences",
    ): "MANO braucht seine Dateien: mano_v1_2.zip in den Einstellungen des Add-ons importieren",
    # tooltips
    (
        "*",
        "Find the hands in a picture or movie and build them as rigged, keyframed meshes",
    ): "Hände in einem Bild oder Film finden und als animierte Netze mit Skelett aufbauen",
    (
        "*",
        "Stop the reconstruction; the frames done so far are kept and offered for import",
    ): "Rekonstruktion anhalten; die fertigen Bilder bleiben erhalten und werden zum Import angeboten",
    (
        "*",
        "Build the hands of a take file (.hands.npz); what was built from the same take before is replaced",
    ): "Hände einer Take-Datei (.hands.npz) aufbauen; was aus demselben Take aufgebaut war, wird ersetzt",
    (
        "*",
        "Use the clip or image of an open Movie Clip or Image Editor as the input, else the active clip of the scene",
    ): "Clip oder Bild eines offenen Clip- oder Bildeditors als Eingabe nehmen, sonst den aktiven Clip der Szene",
    (
        "*",
        "Look through the camera of the hands, with the picture behind them; once more: back to the view as it was",
    ): "Durch die Kamera der Hände sehen, mit dem Bild dahinter; noch einmal: zurück zur vorigen Ansicht",
    (
        "*",
        "Remove the hands, camera and animation that were built from a take; the take file stays",
    ): "Hände, Kamera und Animation entfernen, die aus einem Take aufgebaut wurden; die Take-Datei bleibt",
    ("*", "Remove the chosen box"): "Den gewählten Rahmen entfernen",
    (
        "*",
        "Remove all boxes of this input; those of other inputs stay",
    ): "Alle Rahmen dieser Eingabe entfernen; die anderer Eingaben bleiben",
    ("*", "Go to the frame in which the chosen box was drawn"): "Zum Bild gehen, in dem der Rahmen gezeichnet wurde",
    ("*", "How hands are read from the picture"): "Wie Hände aus dem Bild gelesen werden",
    ("*", "What the networks run on"): "Worauf die Netze rechnen",
    ("*", "Where the focal length of the camera comes from"): "Woher die Brennweite der Kamera kommt",
    # why a button is greyed
    ("*", "A reconstruction is running"): "Eine Rekonstruktion läuft",
    ("*", "No reconstruction is running"): "Es läuft keine Rekonstruktion",
    ("*", "The reconstruction is being stopped"): "Die Rekonstruktion wird angehalten",
    ("*", "There are no hands in this scene"): "In dieser Szene sind keine Hände",
    ("*", "Leave the edit mode first"): "Zuerst den Bearbeitungsmodus verlassen",
    ("*", "Choose the input first: a box belongs to it"): "Zuerst die Eingabe wählen: ein Rahmen gehört zu ihr",
    ("*", "No box is chosen in the list"): "In der Liste ist kein Rahmen gewählt",
    ("*", "This input has no boxes"): "Diese Eingabe hat keine Rahmen",
}
